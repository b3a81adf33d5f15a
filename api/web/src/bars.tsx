// SPDX-License-Identifier: Apache-2.0
// Ranked bars: label, bar, figure in one row of 28 px. The label is the link and covers the row.
import type { ComponentChildren, JSX } from "preact";

export interface Part { value: number; cls: string }
export interface Bar {
  id: string; label: ComponentChildren; // the label holds the row's <Filter>
  parts: Part[]; figure: string; title: string; note?: string;
}

function Track({ parts, max }: { parts: Part[]; max: number }): JSX.Element {
  return (
    <span class="track" aria-hidden="true">
      {parts.map((p) => p.value > 0 &&
        <span key={p.cls} class={`fill ${p.cls}`} style={{ width: `${(100 * p.value) / max}%` }} />)}
    </span>
  );
}

export function Bars({ rows, more, mirrored }: { rows: Bar[]; more?: boolean; mirrored?: boolean }): JSX.Element {
  const sum = (r: Bar): number => r.parts.reduce((n, p) => n + p.value, 0);
  const max = Math.max(1, ...rows.map((r) => mirrored ? Math.max(...r.parts.map((p) => p.value)) : sum(r)));
  return (
    <ol class={`bars${mirrored ? " mirrored" : ""}`}>
      {rows.map((r) => (
        <li key={r.id} title={r.title} class={r.note ? "noted" : ""}>
          <span class="label">{r.label}</span>
          {mirrored
            ? <span class="twin">{r.parts.map((p) => <Track key={p.cls} parts={[p]} max={max} />)}</span>
            : <Track parts={r.parts} max={max} />}
          {r.note && <span class="row-note">{r.note}</span>}
          <span class="figure">{r.figure}</span>
        </li>
      ))}
      {more && <li class="more">and more; the largest are shown</li>}
    </ol>
  );
}
