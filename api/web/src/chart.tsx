// SPDX-License-Identifier: Apache-2.0
// The frame of every chart over time: axes, loss, shared crosshair, drag to zoom, keyboard, a table
// on demand. What is drawn inside comes from stack.tsx and lines.tsx. SVG, so that colours follow
// the theme, each piece can be clicked and a test can read it.
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useCallback, useRef, useState } from "preact/hooks";
import { holds, lossByTime } from "./data";
import { day, exact, span, tick } from "./format";
import { timeStep, timeTicks } from "./scale";
import type { Timeseries } from "./types";
import { go } from "./url";

export interface Geometry {
  left: number; top: number; plotW: number; plotH: number;
  x: (i: number) => number; // left edge of bucket i
  bucketW: number;
  open: (i: number) => boolean; // the bucket has not ended yet
}
export interface Reading { cls: string; glyph: string; label: string; text: string }

interface Props {
  of: Timeseries; name: string; sentence: string;
  legend: ComponentChildren;
  read: (i: number) => Reading[];
  axis: (g: Geometry) => { y: number; text: string }[];
  children: (g: Geometry) => ComponentChildren;
}

const LEFT = 52, RIGHT = 10, TOP = 8, BOTTOM = 24;
/** The moment under pointer or key, in all charts at once. */
const cursor = signal<number | null>(null);

/** The plot's size, also after it gave way to the table and came back as another element. */
function useSize(): [(el: HTMLDivElement | null) => void, number, number] {
  const observer = useRef<ResizeObserver | null>(null);
  const [[w, h], set] = useState<[number, number]>([0, 0]);
  const box = useCallback((el: HTMLDivElement | null) => {
    observer.current?.disconnect();
    if (!el) return;
    observer.current = new ResizeObserver(([e]) => {
      if (e) set([Math.floor(e.contentRect.width), Math.floor(e.contentRect.height)]);
    });
    observer.current.observe(el);
  }, []);
  return [box, w, h];
}

interface Frame { times: number[]; step: number; end: number; to: number; loss: Map<number, number> }

function frameOf(of: Timeseries): Frame {
  const times = (of.series[0]?.points ?? []).map((p) => Date.parse(p.time));
  const step = of.bucket_seconds * 1000;
  const at = new Map(times.map((t, i) => [t, i]));
  const loss = new Map<number, number>();
  for (const l of lossByTime.value) {
    const i = at.get(Date.parse(l.time));
    if (i !== undefined && l.packets > 0) loss.set(i, l.packets);
  }
  return { times, step, end: (times.at(-1) ?? 0) + step, to: Date.parse(of.range.to), loss };
}

function geometry(f: Frame, w: number, h: number): Geometry {
  const plotW = Math.max(1, w - LEFT - RIGHT), plotH = Math.max(1, h - TOP - BOTTOM);
  const bucketW = plotW / Math.max(1, f.times.length);
  return {
    left: LEFT, top: TOP, plotW, plotH, bucketW,
    x: (i) => LEFT + i * bucketW,
    open: (i) => (f.times[i] ?? 0) + f.step > f.to,
  };
}

function Axes({ f, g, labels }: { f: Frame; g: Geometry; labels: { y: number; text: string }[] }): JSX.Element {
  const first = f.times[0] ?? 0;
  const step = timeStep(f.end - first, Math.max(2, g.plotW / 90));
  const xOf = (t: number): number => g.left + ((t - first) / (f.end - first)) * g.plotW;
  return (
    <g class="axes">
      {labels.map((l) => (
        <g key={l.text + l.y}>
          <line class="grid" x1={g.left} x2={g.left + g.plotW} y1={l.y} y2={l.y} />
          <text x={g.left - 6} y={l.y + 4} text-anchor="end">{l.text}</text>
        </g>
      ))}
      {timeTicks(first, f.end, step).map((t) => {
        const x = xOf(t);
        return x > g.left + g.plotW - 18 || x < g.left + 14 ? null : (
          <g key={t}>
            <line class="tick" x1={x} x2={x} y1={g.top + g.plotH} y2={g.top + g.plotH + 4} />
            <text x={x} y={g.top + g.plotH + 17} text-anchor="middle">{tick(t, step)}</text>
          </g>
        );
      })}
    </g>
  );
}

/** Buckets with lost packets: hatched from axis to top, and a mark below the axis. */
function LossMarks({ f, g }: { f: Frame; g: Geometry }): JSX.Element {
  return (
    <g class="loss-marks">
      {[...f.loss].map(([i]) => (
        <g key={f.times[i]}>
          <rect x={g.x(i)} y={g.top} width={g.bucketW} height={g.plotH} fill="url(#hatch)" />
          <rect class="rug" x={g.x(i)} y={g.top + g.plotH + 1} width={g.bucketW} height={4} />
        </g>
      ))}
    </g>
  );
}

function Tip({ f, g, i, read }: { f: Frame; g: Geometry; i: number; read: Reading[] }): JSX.Element {
  const right = g.x(i) > g.left + g.plotW / 2;
  const edge = right ? { right: `${RIGHT + g.left + g.plotW - g.x(i) + 4}px` } : { left: `${g.x(i) + g.bucketW + 8}px` };
  const lost = f.loss.get(i);
  return (
    <div class="tip" style={edge} aria-hidden="true">
      <div class="tip-head">{new Date(f.times[i]!).toISOString().slice(11, 19)} UTC, {span(f.step / 1000)}
        {g.open(i) && <em> not over yet</em>}</div>
      {read.map((r) => (
        <div key={r.label} class="tip-row"><span class={`glyph ${r.cls}`}>{r.glyph}</span>{r.label}<b>{r.text}</b></div>
      ))}
      {lost !== undefined && <div class="tip-row loss">{exact(lost)} packets are not in the log</div>}
    </div>
  );
}

function ChartTable({ f, name, read }: { f: Frame; name: string; read: (i: number) => Reading[] }): JSX.Element {
  const head = read(0);
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={`${name} as table`}>
      <table>
        <thead><tr><th scope="col">UTC</th>{head.map((r) => <th key={r.label} scope="col">{r.label}</th>)}
          <th scope="col">not in the log</th></tr></thead>
        <tbody>
          {f.times.map((t, i) => (
            <tr key={t}><th scope="row">{new Date(t).toISOString().slice(11, 19)}</th>
              {read(i).map((r) => <td key={r.label}>{r.text}</td>)}
              <td>{exact(f.loss.get(i) ?? 0)}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Drag of at least four pixels chooses a range; Escape gives it up. */
function useDrag(f: Frame, g: Geometry): {
  drag: [number, number] | null; moved: { current: boolean };
  down: (e: PointerEvent) => void; move: (e: PointerEvent) => void; up: () => void; cancel: () => void;
} {
  const [drag, set] = useState<[number, number] | null>(null);
  const moved = useRef(false);
  const end = (): void => { if (drag) holds.value--; set(null); };
  const at = (e: PointerEvent): number => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    return Math.min(g.left + g.plotW, Math.max(g.left, e.clientX - box.left));
  };
  return {
    drag: drag && Math.abs(drag[1] - drag[0]) >= 4 ? drag : null, moved,
    down: (e) => { if (e.button === 0 && !drag) { moved.current = false; holds.value++; set([at(e), at(e)]); } },
    move: (e) => { if (drag) { const x = at(e); if (Math.abs(x - drag[0]) >= 4) moved.current = true; set([drag[0], x]); } },
    up: () => {
      if (drag && moved.current) {
        const bucket = (x: number): number => (x - g.left) / g.bucketW;
        const a = Math.floor(bucket(Math.min(...drag))), z = Math.ceil(bucket(Math.max(...drag)));
        const first = f.times[0] ?? 0;
        const iso = (n: number): string => new Date(first + n * f.step).toISOString();
        go({ from: iso(a), to: iso(Math.max(z, a + 1)), sel: "" });
      }
      end();
    },
    cancel: end,
  };
}

export function Chart({ of, name, sentence, legend, read, axis, children }: Props): JSX.Element {
  const [box, w, h] = useSize();
  const [table, setTable] = useState(false);
  const f = frameOf(of);
  const g = geometry(f, w, h);
  const { drag, moved, down, move, up, cancel } = useDrag(f, g);
  const last = f.times.length - 1;
  const i = cursor.value === null ? -1 : f.times.findIndex((t) => cursor.value! >= t && cursor.value! < t + f.step);
  const point = (n: number): void => { cursor.value = f.times[Math.min(last, Math.max(0, n))] ?? null; };
  const hover = (e: PointerEvent): void => {
    const x = e.clientX - (e.currentTarget as Element).getBoundingClientRect().left;
    if (x >= g.left && x <= g.left + g.plotW) point(Math.floor((x - g.left) / g.bucketW));
    move(e);
  };
  const key = (e: KeyboardEvent): void => {
    const to = { ArrowLeft: i < 0 ? last : i - 1, ArrowRight: i < 0 ? 0 : i + 1, Home: 0, End: last }[e.key];
    if (e.key === "Escape") { cancel(); cursor.value = null; }
    if (to === undefined) return;
    e.preventDefault();
    point(to);
  };
  const spoken = (n: number): string => n < 0 ? "no moment chosen"
    : `${new Date(f.times[n]!).toISOString().slice(11, 19)} UTC: ${read(n).map((r) => `${r.label} ${r.text}`).join(", ")}`
      + (f.loss.has(n) ? `, ${f.loss.get(n)} packets are not in the log` : "");
  return (
    <figure class="chart">
      <figcaption class="away">{sentence}, {day(of.range.from)} UTC.</figcaption>
      <div class="legend">{legend}
        <button type="button" class="quiet" aria-pressed={table} onClick={() => setTable(!table)}>Table</button></div>
      {table ? <ChartTable f={f} name={name} read={read} /> : (
        <div ref={box} class="plot" role="slider" tabIndex={0} aria-label={`${name}, moment`}
          aria-valuemin={0} aria-valuemax={Math.max(0, last)} aria-valuenow={Math.max(0, i)} aria-valuetext={spoken(i)}
          onKeyDown={key} onBlur={() => { cursor.value = null; }}>
          {w > 0 && (
            <svg width={w} height={h} aria-hidden="true" onPointerDown={down} onPointerMove={hover} onPointerUp={up}
              onPointerLeave={() => { cursor.value = null; cancel(); }}
              onClickCapture={(e) => { if (moved.current) { e.stopPropagation(); moved.current = false; } }}>
              <Axes f={f} g={g} labels={axis(g)} />
              <LossMarks f={f} g={g} />
              {i >= 0 && <rect class="crosshair" x={g.x(i)} y={g.top} width={g.bucketW} height={g.plotH} />}
              {children(g)}
              {drag && <rect class="drag" x={Math.min(...drag)} y={g.top} width={Math.abs(drag[1] - drag[0])} height={g.plotH} />}
            </svg>
          )}
          {w > 0 && i >= 0 && !drag && <Tip f={f} g={g} i={i} read={read(i)} />}
        </div>
      )}
    </figure>
  );
}
