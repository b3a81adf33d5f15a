// SPDX-License-Identifier: Apache-2.0
// Stacked bars over time; a series may be mirrored below zero (search-list misses).
import type { JSX } from "preact";
import { Chart, type Geometry } from "./chart";
import { count, exact, span, tick } from "./format";
import { Filter, TermLink } from "./panel";
import { ticks } from "./scale";
import type { Look } from "./words";
import { narrow, withTerm } from "./query";
import type { Timeseries } from "./types";
import { go, view } from "./url";

export interface Series extends Look {
  values: number[];
  below?: boolean;
  pick?: { field: string; value: string } | { term: string }; // what a click adds to the filter
}

/** Fills that are not one colour; see main.tsx. */
const PATTERNS: Record<string, string> = { "o-search": "url(#stripe)", "o-blocked": "url(#cross)" };

const total = (s: Series): number => s.values.reduce((n, v) => n + v, 0);

function Legend({ s }: { s: Series }): JSX.Element {
  const inside = <><span class={`glyph ${s.cls}`} aria-hidden="true">{s.glyph}</span>{s.label} <b>{count(total(s))}</b></>;
  if (!s.pick) return <span class="key">{inside}</span>;
  return "term" in s.pick
    ? <TermLink class="key" term={s.pick.term}>{inside}</TermLink>
    : <Filter class="key" field={s.pick.field} value={s.pick.value}>{inside}</Filter>;
}

function pick(s: Series): void {
  if (!s.pick) return;
  const q = view.value.q;
  go({ q: "term" in s.pick ? withTerm(q, s.pick.term) : narrow(q, s.pick.field, s.pick.value), sel: "" });
}

function heights(series: Series[], below: boolean): number {
  const some = series.filter((s) => !!s.below === below);
  const n = some[0]?.values.length ?? 0;
  let max = 0;
  for (let i = 0; i < n; i++) max = Math.max(max, some.reduce((sum, s) => sum + (s.values[i] ?? 0), 0));
  return max;
}

function Bars({ series, g, y }: { series: Series[]; g: Geometry; y: (v: number) => number }): JSX.Element {
  const n = series[0]?.values.length ?? 0;
  const width = Math.max(1, g.bucketW - (g.bucketW > 5 ? 2 : 1));
  const out: JSX.Element[] = [];
  for (let i = 0; i < n; i++) {
    let up = 0, down = 0;
    for (const s of series) {
      const v = s.values[i] ?? 0;
      if (v === 0) continue;
      const from = s.below ? down : up;
      const to = s.below ? down - v : up + v;
      if (s.below) down = to; else up = to;
      const top = Math.min(y(from), y(to)), high = Math.abs(y(to) - y(from));
      out.push(
        <rect key={`${i} ${s.label}`} class={`seg ${s.cls}${g.open(i) ? " open" : ""}${s.pick ? " can" : ""}`}
          x={g.x(i) + 0.5} width={width} y={top} height={Math.max(1, high > 3 ? high - 1 : high)}
          fill={PATTERNS[s.cls]} onClick={() => pick(s)} />);
    }
  }
  return <g>{out}</g>;
}

interface Props { of: Timeseries; name: string; unit: string; series: Series[] }

export function Stack({ of, name, unit, series }: Props): JSX.Element {
  const above = Math.max(1, heights(series, false)), below = heights(series, true);
  const yOf = (g: Geometry) => (v: number): number => g.top + ((above - v) / (above + below)) * g.plotH;
  const peak = heights(series, false);
  const at = series[0]?.values.findIndex((_, i) =>
    series.reduce((n, s) => n + (s.below ? 0 : s.values[i] ?? 0), 0) === peak) ?? -1;
  const when = of.series[0]?.points[at]?.time;
  const sentence = `${name}, ${unit} per ${span(of.bucket_seconds)}, highest ${exact(peak)}`
    + (when && peak > 0 ? ` at ${tick(Date.parse(when), 1000)}` : "");
  return (
    <Chart of={of} name={name} sentence={sentence} legend={series.map((s) => <Legend key={s.label} s={s} />)}
      read={(i) => series.map((s) => ({ ...s, text: exact(s.values[i] ?? 0) }))}
      axis={(g) => ticks(-below, above, Math.max(2, g.plotH / 48)).map((v) => ({ y: yOf(g)(v), text: count(Math.abs(v)) }))}>
      {(g) => (
        <>
          <Bars series={series} g={g} y={yOf(g)} />
          <line class="zero" x1={g.left} x2={g.left + g.plotW} y1={yOf(g)(0)} y2={yOf(g)(0)} />
        </>
      )}
    </Chart>
  );
}
