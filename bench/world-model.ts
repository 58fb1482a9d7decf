// How long requests of shoppers take over the network, drawn at random around published round trips.
import { seededRandom } from '../test/lib/random.ts'
import {
  CITIES,
  type City,
  type Place,
  type Published,
  REGION_NAMES,
  REGIONS,
  type Region,
  TO_EDGE,
  WITHIN_REGION_MS,
} from './round-trips.ts'

/** What is asked of the edge, and of one server in the region of the primary. */
export const OPERATIONS = ['refused', 'nearest', 'primary', 'serverRefused', 'server'] as const
export type Operation = (typeof OPERATIONS)[number]

export interface World {
  primary: Region
  seed: number
  /** Requests drawn for each city. */
  samples: number
  /** Our own time, at the Worker and at the server alike. */
  workerMs: number
  /** The database's own time. */
  d1Ms: number
}

/** Milliseconds. */
export interface Quantiles {
  p50: number
  p99: number
}

/** A round trip: half of them take the median, the others more; `derived` from the distance. */
export interface Route {
  medianMs: number
  sigma: number
  derived: boolean
}

export interface CityTimes {
  city: City
  nearestRegion: Region
  /** From the city's edge. */
  toNearest: Route
  toPrimary: Route
  /** With a connection that is open already. */
  open: Record<Operation, Quantiles>
  /** With TCP's and TLS 1.3's handshakes first. */
  fresh: Record<Operation, Quantiles>
}

const EARTH_RADIUS_KM = 6_371
/** Light in fibre, there and back: 200,000 km/s. */
const FIBRE_KM_PER_MS = 200
/** Of the normal distribution: what lies above 95% of it. */
const Z95 = 1.645
const HANDSHAKES = 2

export function simulate(world: World): CityTimes[] {
  return CITIES.map((city, index) => simulateCity(city, index, world))
}

function simulateCity(city: City, index: number, world: World): CityTimes {
  const { primary, seed, samples, workerMs, d1Ms } = world
  const regions = REGION_NAMES.toSorted(
    (a, b) => routeBetween(city, a).medianMs - routeBetween(city, b).medianMs,
  )
  const [nearestRegion = primary] = regions
  const toNearest = routeBetween(city, nearestRegion)
  const toPrimary = routeBetween(city, primary)
  // A server in the shopper's own city is as near as the edge.
  const toServer = isIn(city, primary) ? { ...toPrimary, medianMs: 0 } : toPrimary
  const normal = normalNumbers(seed, index)

  const draws = Array.from({ length: samples }, () => {
    // One draw for all routes: a bad moment of the network is bad for whichever of them is taken.
    const [atHome, underWay] = [normal(), normal()]
    const [edgeMedian] = TO_EDGE
    const edge = edgeMedian * Math.exp(sigmaOf(TO_EDGE) * atHome)
    const server = edge + timeOf(toServer, underWay)
    const open = {
      refused: edge + workerMs,
      nearest: edge + workerMs + timeOf(toNearest, underWay) + d1Ms,
      primary: edge + workerMs + timeOf(toPrimary, underWay) + d1Ms,
      serverRefused: server + workerMs,
      server: server + workerMs + d1Ms,
    }
    return { edge, server, open }
  })
  return {
    city,
    nearestRegion,
    toNearest,
    toPrimary,
    open: quantilesOf((operation) => draws.map(({ open }) => open[operation])),
    fresh: quantilesOf((operation) =>
      draws.map((draw) => {
        const atServer = operation === 'server' || operation === 'serverRefused'
        return draw.open[operation] + HANDSHAKES * (atServer ? draw.server : draw.edge)
      }),
    ),
  }
}

function timeOf({ medianMs, sigma }: Route, normal: number): number {
  // No packet is quicker than the cable, so only what is slower than the median is spread.
  return medianMs * Math.exp(sigma * Math.max(0, normal))
}

/** From a city's edge to a region of D1: as published, or else derived from the distance. */
export function routeBetween(city: City, region: Region): Route {
  if (isIn(city, region)) return { medianMs: WITHIN_REGION_MS, sigma: 0, derived: false }
  const published = city.published[region]
  if (published !== undefined) {
    const [medianMs] = published
    return { medianMs, sigma: sigmaOf(published), derived: false }
  }
  const { pathFactor, sigma } = DERIVED
  return { medianMs: pathFactor * straightMs(city, REGIONS[region]), sigma, derived: true }
}

function isIn(city: Place, region: Region): boolean {
  return straightMs(city, REGIONS[region]) === 0
}

/** A log-normal spread that has both of its published quantiles. */
function sigmaOf([p50, p95]: Published): number {
  return Math.log(p95 / p50) / Z95
}

/** What is derived is as much longer than straight fibre, and as spread, as the published median. */
export const DERIVED = derivation()

function derivation(): { pathFactor: number; sigma: number } {
  const pairs = CITIES.flatMap((city) =>
    REGION_NAMES.flatMap((region) => {
      const published = city.published[region]
      return published === undefined ? [] : [{ city, region, published }]
    }),
  )
  return {
    pathFactor: medianOf(
      pairs.map(({ city, region, published: [p50] }) => p50 / straightMs(city, REGIONS[region])),
    ),
    sigma: medianOf(pairs.map(({ published }) => sigmaOf(published))),
  }
}

/** There and back along the great circle, at the speed of light in fibre. */
export function straightMs(from: Place, to: Place): number {
  const [φ1, φ2] = [radians(from.latitude), radians(to.latitude)]
  const Δλ = radians(to.longitude - from.longitude)
  const haversine =
    Math.sin((φ2 - φ1) / 2) ** 2 + Math.cos(φ1) * Math.cos(φ2) * Math.sin(Δλ / 2) ** 2
  const km = 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(haversine))
  return (2 * km) / FIBRE_KM_PER_MS
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180
}

function medianOf(values: readonly number[]): number {
  return nearestRank(Float64Array.from(values).sort(), 0.5)
}

function quantilesOf(times: (operation: Operation) => number[]): Record<Operation, Quantiles> {
  const of = (operation: Operation): Quantiles => {
    const values = Float64Array.from(times(operation)).sort()
    return { p50: nearestRank(values, 0.5), p99: nearestRank(values, 0.99) }
  }
  return {
    refused: of('refused'),
    nearest: of('nearest'),
    primary: of('primary'),
    serverRefused: of('serverRefused'),
    server: of('server'),
  }
}

/** Of sorted values, the smallest that is not below this share of them. */
function nearestRank(sorted: Float64Array, share: number): number {
  const value = sorted.at(Math.max(0, Math.ceil(sorted.length * share) - 1))
  if (value === undefined) throw new Error('Nothing was drawn')
  return value
}

/** Normally distributed numbers (Box and Muller), the same for the same seed. */
function normalNumbers(seed: number, index: number): () => number {
  const { below } = seededRandom(seed, index)
  const uniform = (): number => (below(2 ** 32) + 0.5) / 2 ** 32
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
