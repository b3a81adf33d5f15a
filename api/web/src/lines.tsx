// SPDX-License-Identifier: Apache-2.0
// Latency over time: the band from shortest to longest and the mean in it, on a logarithmic axis.
// Where nothing was measured the line is interrupted, never drawn at zero.
import type { JSX } from "preact";
import { Chart, type Geometry } from "./chart";
import { latency } from "./format";
import { decades } from "./scale";
import type { Point, Timeseries } from "./types";

type Measured = { i: number; min: number; mean: number; max: number };

/** Runs of buckets that have a measurement each. */
function runs(points: Point[]): Measured[][] {
  const out: Measured[][] = [];
  let run: Measured[] = [];
  points.forEach((p, i) => {
    if (p.latency_min !== null && p.latency_mean !== null && p.latency_max !== null)
      run.push({ i, min: p.latency_min, mean: p.latency_mean, max: p.latency_max });
    else if (run.length) { out.push(run); run = []; }
  });
  if (run.length) out.push(run);
  return out;
}

function Run({ run, g, y }: { run: Measured[]; g: Geometry; y: (ns: number) => number }): JSX.Element {
  const mid = (m: Measured): number => g.x(m.i) + g.bucketW / 2;
  const path = (pick: (m: Measured) => number): string => run.map((m) => `${mid(m)},${y(pick(m))}`).join(" ");
  if (run.length === 1) {
    const m = run[0]!;
    return (
      <g>
        <line class="l-alone" x1={mid(m)} x2={mid(m)} y1={y(m.min)} y2={y(m.max)} />
        <circle class="l-dot" cx={mid(m)} cy={y(m.mean)} r={2.5} />
      </g>
    );
  }
  const back = [...run].reverse().map((m) => `${mid(m)},${y(m.min)}`).join(" ");
  return (
    <g>
      <polygon class="l-band" points={`${path((m) => m.max)} ${back}`} />
      <polyline class="l-max" points={path((m) => m.max)} />
      <polyline class="l-min" points={path((m) => m.min)} />
      <polyline class="l-mean" points={path((m) => m.mean)} />
    </g>
  );
}

const KEYS = [
  { cls: "l-max", glyph: "┄", label: "longest", of: (p: Point) => p.latency_max },
  { cls: "l-mean", glyph: "━", label: "mean", of: (p: Point) => p.latency_mean },
  { cls: "l-min", glyph: "─", label: "shortest", of: (p: Point) => p.latency_min },
];

export function LatencyLines({ of }: { of: Timeseries }): JSX.Element {
  const points = of.series[0]?.points ?? [];
  const all = runs(points);
  const flat = all.flat();
  const axis = decades(Math.min(...flat.map((m) => m.min), 1e15), Math.max(...flat.map((m) => m.max), 1));
  const lo = Math.log10(axis[0]!), hi = Math.log10(axis.at(-1)!);
  const yOf = (g: Geometry) => (ns: number): number =>
    g.top + ((hi - Math.log10(Math.max(1, ns))) / (hi - lo)) * g.plotH;
  const longest = flat.reduce((n, m) => Math.max(n, m.max), 0);
  return (
    <Chart of={of} name="Latency over time" sentence={`Latency over time, longest ${latency(flat.length ? longest : null)}`}
      legend={KEYS.map((k) => <span key={k.label} class="key"><span class={`glyph ${k.cls}`} aria-hidden="true">{k.glyph}</span>{k.label}</span>)}
      read={(i) => KEYS.map((k) => ({ ...k, text: latency(points[i] && k.of(points[i])) }))}
      axis={(g) => axis.map((ns) => ({ y: yOf(g)(ns), text: axisText(ns) }))}>
      {(g) => all.map((run) => <Run key={run[0]!.i} run={run} g={g} y={yOf(g)} />)}
    </Chart>
  );
}

/** Powers of ten need no decimals. */
function axisText(ns: number): string {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${ns / 1e3} µs`;
  return ns < 1e9 ? `${ns / 1e6} ms` : `${ns / 1e9} s`;
}
