// What the benchmark prints: tables, as the docs show them, and the plot.
import { boundInWords, judge } from './budgets.ts'
import { barChart } from './chart.ts'
import type { Counts } from './counts.ts'
import type { Figures } from './figures.ts'
import type { OwnCpu } from './own-cpu.ts'
import { CONNECTIONS, type Result } from './rounds.ts'
import { markdownTable } from './table.ts'

/** All tables of one run, each under a line that says what it shows. */
export function report(figures: Figures): string {
  const { date, machine, rounds, seconds, counts, ownCpu, requests } = figures
  const sections = [
    `Measured on ${date}: ${machine}; ${rounds} rounds, ${seconds} s a measurement.\n`,
    ...(requests === undefined ? [] : CONNECTIONS.map((each) => ofRequests(requests, each))),
    ...(ownCpu === undefined ? [] : [ofOwnCpu(ownCpu)]),
    ...(counts === undefined ? [] : [ofCounts(counts)]),
    ofBudgets(figures),
  ]
  return sections.join('\n')
}

/** Requests a second at 16 connections, the slowest and the quickest round as whiskers. */
export function plot({ date, requests = [] }: Figures): string {
  const shown = requests.filter(({ connections }) => connections === 16)
  const operations = [...new Set(shown.map(({ operation }) => operation))]
  return barChart({
    title: 'Requests a second over 16 connections',
    subtitle: `Medians of the rounds, with the slowest and the quickest; ${date}`,
    unit: 'requests a second',
    groups: operations.map((operation) => ({
      label: operation,
      bars: shown
        .filter((each) => each.operation === operation)
        .map(({ contestant, requestsPerSecond: { min, median, max } }) => ({
          label: contestant,
          value: median,
          low: min,
          high: max,
        })),
    })),
  })
}

function ofRequests(results: readonly Result[], connections: number): string {
  const headings = [
    `${connections === 1 ? '1 connection' : `${connections} connections`}`,
    'requests/s min',
    'median',
    'max',
    'p50 ms',
    'p99 ms',
    'errors',
    'CPU µs a request',
    'to the floor',
  ]
  const rows = results
    .filter((each) => each.connections === connections)
    .map(({ operation, contestant, requestsPerSecond: { min, median, max }, ...each }) => [
      `${operation}: ${contestant}`,
      min.toFixed(0),
      median.toFixed(0),
      max.toFixed(0),
      each.p50.toFixed(2),
      each.p99.toFixed(2),
      String(each.errors),
      each.cpuMicros?.toFixed(0) ?? 'unknown',
      each.ratio.toFixed(2),
    ])
  return markdownTable(headings, rows)
}

function ofOwnCpu(figures: readonly OwnCpu[]): string {
  return markdownTable(
    ['CPU µs a request, D1 stubbed', 'service', 'Hono hello', 'own', 'the least'],
    figures.map(({ algorithm, tokens, service, hello, own, least }) => [
      `${algorithm}, tokens ${tokens}`,
      ...[service, hello, own, least].map((micros) => micros.toFixed(0)),
    ]),
  )
}

function ofCounts({ rows }: Counts): string {
  return markdownTable(
    ['D1 counts', 'rows read', 'rows written'],
    rows.map(({ operation, read, written }) => [operation, String(read), String(written)]),
  )
}

function ofBudgets(figures: Figures): string {
  return markdownTable(
    ['Budget', 'measured', 'may be', ''],
    judge(figures).map(({ figure, value, bound, kept }) => [
      figure,
      String(Math.round(value * 100) / 100),
      boundInWords(bound),
      kept ? 'kept' : 'BROKEN',
    ]),
  )
}
