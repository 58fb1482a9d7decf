// The published round-trip times that bench:world calculates with: where each is from, and of when.

/** Where each number was read, on 2026-11-23. */
export const SOURCES = {
  'round trips':
    'Microsoft, "Azure network round-trip latency statistics", 30 days ending 2026-07-30, https://learn.microsoft.com/azure/networking/azure-network-latency: the 95th percentiles of https://github.com/mbender-ms/azure-docs at 5b3e2055 (its author), and the medians of an earlier state of the same file, seen without its commit',
  'within a region':
    'Microsoft, "a round-trip latency of less than 2ms" between the zones of a region, https://learn.microsoft.com/azure/availability-zones/az-overview',
  'regions of D1, a replica in each':
    'Cloudflare, https://developers.cloudflare.com/d1/best-practices/read-replication/#read-replica-locations',
  'shopper to edge':
    'Cloudflare, 95% of the Internet-connected population within about 50 ms, https://www.cloudflare.com/network/, as others quoted it in July 2026',
} as const

/** The location hints that D1 knows, which are also the regions of its replicas. */
export const REGION_NAMES = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'] as const
export type Region = (typeof REGION_NAMES)[number]

/** Degrees, north and east. */
export interface Place {
  latitude: number
  longitude: number
}

/**
 * The Azure region that stands for each region of D1: Cloudflare does not publish which of its
 * data centres hold databases, so this is an assumption. Coordinates are those of the city.
 */
export const REGIONS: Readonly<Record<Region, Place & { azure: string }>> = {
  wnam: { azure: 'West US (California)', latitude: 37.78, longitude: -122.42 },
  enam: { azure: 'East US (Virginia)', latitude: 38.9, longitude: -77.04 },
  weur: { azure: 'West Europe (Amsterdam)', latitude: 52.37, longitude: 4.9 },
  eeur: { azure: 'Poland Central (Warsaw)', latitude: 52.23, longitude: 21.01 },
  apac: { azure: 'Southeast Asia (Singapore)', latitude: 1.28, longitude: 103.83 },
  oc: { azure: 'Australia East (Sydney)', latitude: -33.86, longitude: 151.21 },
}

/** Milliseconds: the median and the 95th percentile. */
export type Published = readonly [p50: number, p95: number]

export interface City extends Place {
  name: string
  continent: 'North America' | 'South America' | 'Europe' | 'Africa' | 'Asia' | 'Oceania'
  /** The Azure region of the city; without one there is no published number, and it is derived. */
  azure?: string
  /** To each region of D1; none to the one that is in the city itself. */
  published: Readonly<Partial<Record<Region, Published>>>
}

/** Shoppers on six continents. The Azure regions are the source, the regions above the destination. */
export const CITIES: readonly City[] = [
  {
    name: 'Washington',
    continent: 'North America',
    azure: 'East US',
    latitude: 38.9,
    longitude: -77.04,
    published: {
      wnam: [69, 74],
      weur: [83, 89],
      eeur: [100, 104],
      apac: [224, 229],
      oc: [201, 207],
    },
  },
  {
    name: 'San Francisco',
    continent: 'North America',
    azure: 'West US',
    latitude: 37.78,
    longitude: -122.42,
    published: {
      enam: [67, 72],
      weur: [145, 151],
      eeur: [161, 167],
      apac: [170, 172],
      oc: [140, 142],
    },
  },
  {
    name: 'São Paulo',
    continent: 'South America',
    azure: 'Brazil South',
    latitude: -23.55,
    longitude: -46.63,
    published: {
      wnam: [169, 170],
      enam: [118, 121],
      weur: [185, 191],
      eeur: [203, 211],
      apac: [331, 337],
      oc: [295, 298],
    },
  },
  {
    name: 'Buenos Aires',
    continent: 'South America',
    latitude: -34.6,
    longitude: -58.38,
    published: {},
  },
  {
    name: 'London',
    continent: 'Europe',
    azure: 'UK South',
    latitude: 51.51,
    longitude: -0.13,
    published: {
      wnam: [140, 144],
      enam: [78, 80],
      weur: [11, 12],
      eeur: [29, 34],
      apac: [167, 183],
      oc: [261, 277],
    },
  },
  {
    name: 'Madrid',
    continent: 'Europe',
    azure: 'Spain Central',
    latitude: 40.42,
    longitude: -3.7,
    published: {
      wnam: [134, 143],
      enam: [81, 84],
      weur: [28, 30],
      eeur: [47, 50],
      apac: [166, 227],
      oc: [255, 272],
    },
  },
  {
    name: 'Johannesburg',
    continent: 'Africa',
    azure: 'South Africa North',
    latitude: -26.2,
    longitude: 28.05,
    published: {
      wnam: [272, 278],
      enam: [220, 225],
      weur: [166, 171],
      eeur: [185, 198],
      apac: [177, 211],
      oc: [328, 348],
    },
  },
  { name: 'Lagos', continent: 'Africa', latitude: 6.45, longitude: 3.39, published: {} },
  {
    name: 'Dubai',
    continent: 'Asia',
    azure: 'UAE North',
    latitude: 25.2,
    longitude: 55.27,
    published: {
      wnam: [236, 257],
      enam: [176, 191],
      weur: [111, 124],
      eeur: [116, 138],
      apac: [83, 87],
      oc: [173, 182],
    },
  },
  {
    name: 'Pune',
    continent: 'Asia',
    azure: 'Central India',
    latitude: 18.52,
    longitude: 73.86,
    published: {
      wnam: [217, 224],
      enam: [201, 218],
      weur: [139, 153],
      eeur: [147, 169],
      apac: [53, 59],
      oc: [145, 152],
    },
  },
  {
    name: 'Tokyo',
    continent: 'Asia',
    azure: 'Japan East',
    latitude: 35.68,
    longitude: 139.77,
    published: {
      wnam: [107, 109],
      enam: [162, 165],
      weur: [234, 242],
      eeur: [250, 260],
      apac: [72, 74],
      oc: [103, 105],
    },
  },
  {
    name: 'Auckland',
    continent: 'Oceania',
    azure: 'New Zealand North',
    latitude: -36.85,
    longitude: 174.76,
    published: {
      wnam: [138, 145],
      enam: [188, 200],
      weur: [266, 273],
      eeur: [285, 294],
      apac: [119, 126],
      oc: [28, 30],
    },
  },
]

/** Below what is published, so on the slow side: from an edge to a database in the same city. */
export const WITHIN_REGION_MS = 2

/** From a shopper to the nearest edge: the median is an assumption, the 95th percentile published. */
export const TO_EDGE: Published = [20, 50]
