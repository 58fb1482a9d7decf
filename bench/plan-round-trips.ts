// The published round trips that bench plan starts from, read on 2026-11-23.
//
// Round trips: Microsoft, "Azure network round-trip latency statistics", 30 days ending 2026-07-30,
// https://learn.microsoft.com/azure/networking/azure-network-latency: the 95th percentiles of
// https://github.com/mbender-ms/azure-docs at 5b3e2055 (its author), and the medians of an earlier
// state of that file, seen without its commit.

/**
 * D1's location hints, which are also the regions of its copies.
 * https://developers.cloudflare.com/d1/best-practices/read-replication/#read-replica-locations
 */
export const REGION_NAMES = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'] as const
export type Region = (typeof REGION_NAMES)[number]

/** Degrees, north and east. */
export interface Place {
  latitude: number
  longitude: number
}

/** Milliseconds. */
export interface RoundTrip {
  median: number
  p95: number
}

export interface City extends Place {
  name: string
  continent: string
  published: Partial<Record<Region, RoundTrip>>
}

/** Assumed: Cloudflare does not publish which of its data centres hold databases, so an Azure region stands for each. */
export const REGIONS: Readonly<Record<Region, Place & { azure: string }>> = {
  wnam: { azure: 'West US (California)', latitude: 37.78, longitude: -122.42 },
  enam: { azure: 'East US (Virginia)', latitude: 38.9, longitude: -77.04 },
  weur: { azure: 'West Europe (Amsterdam)', latitude: 52.37, longitude: 4.9 },
  eeur: { azure: 'Poland Central (Warsaw)', latitude: 52.23, longitude: 21.01 },
  apac: { azure: 'Southeast Asia (Singapore)', latitude: 1.28, longitude: 103.83 },
  oc: { azure: 'Australia East (Sydney)', latitude: -33.86, longitude: 151.21 },
}

/**
 * To a database in the same city. Microsoft: "less than 2ms" between the zones of a region,
 * https://learn.microsoft.com/azure/availability-zones/az-overview
 */
export const WITHIN_REGION: RoundTrip = { median: 2, p95: 2 }

/**
 * From a shopper to the edge. The median is assumed; Cloudflare: 95% of the Internet-connected
 * population within about 50 ms, https://www.cloudflare.com/network/, as quoted in July 2026.
 */
export const TO_EDGE: RoundTrip = { median: 20, p95: 50 }

/**
 * Median and 95th percentile from the Azure region of the city to each region of D1, in the order of
 * REGION_NAMES. Nothing is published for a city without an Azure region, or within one city.
 */
export const CITIES: readonly City[] = `
Washington    | North America |  38.90  -77.04 | 69/74   -       83/89   100/104 224/229 201/207
San Francisco | North America |  37.78 -122.42 | -       67/72   145/151 161/167 170/172 140/142
São Paulo     | South America | -23.55  -46.63 | 169/170 118/121 185/191 203/211 331/337 295/298
Buenos Aires  | South America | -34.60  -58.38 | -       -       -       -       -       -
London        | Europe        |  51.51   -0.13 | 140/144 78/80   11/12   29/34   167/183 261/277
Madrid        | Europe        |  40.42   -3.70 | 134/143 81/84   28/30   47/50   166/227 255/272
Johannesburg  | Africa        | -26.20   28.05 | 272/278 220/225 166/171 185/198 177/211 328/348
Lagos         | Africa        |   6.45    3.39 | -       -       -       -       -       -
Dubai         | Asia          |  25.20   55.27 | 236/257 176/191 111/124 116/138 83/87   173/182
Pune          | Asia          |  18.52   73.86 | 217/224 201/218 139/153 147/169 53/59   145/152
Tokyo         | Asia          |  35.68  139.77 | 107/109 162/165 234/242 250/260 72/74   103/105
Auckland      | Oceania       | -36.85  174.76 | 138/145 188/200 266/273 285/294 119/126 28/30`
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', continent = '', place = '', trips = ''] = line.split(/ *\| */)
    const [latitude = Number.NaN, longitude = Number.NaN] = place.split(/ +/).map(Number)
    const pairs = trips.split(/ +/).flatMap((trip, index) => {
      const [median = Number.NaN, p95 = Number.NaN] = trip.split('/').map(Number)
      return trip === '-' ? [] : [[REGION_NAMES[index], { median, p95 }]]
    })
    return { name, continent, latitude, longitude, published: Object.fromEntries(pairs) }
  })
