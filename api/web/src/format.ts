// SPDX-License-Identifier: Apache-2.0
// Figures, times and hostile names as a person reads them. Pure functions.

/** Three figures without scientific notation: 1.24, 12.4, 124. */
function three(v: number): string {
  return v >= 99.95 ? v.toFixed(0) : v >= 9.995 ? v.toFixed(1) : v.toFixed(2);
}

/** Exact to 9,999, then three figures: 12.3k, 4.56M. */
export function count(n: number): string {
  if (n < 10_000) return n.toLocaleString("en");
  const units = ["k", "M", "G", "T"];
  let v = n / 1000;
  let i = 0;
  while (v >= 999.5 && i < units.length - 1) { v /= 1000; i++; }
  return three(v) + units[i];
}

/** A runtime that is no Kubernetes (podman) tells a container's name only. */
export const podName = (p: { namespace: string; name: string }): string => `${p.namespace || "no namespace"}/${p.name || "no pod"}`;

export const exact = (n: number): string => n.toLocaleString("en");

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let v = n / 1024;
  let i = 0;
  while (v >= 999.5 && i < units.length - 1) { v /= 1024; i++; }
  return `${three(v)} ${units[i]}`;
}

/** Nanoseconds; – where nothing was measured. */
export function latency(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return "–";
  if (ns < 1000) return `${ns} ns`;
  if (ns < 999_500) return `${three(ns / 1e3)} µs`;
  if (ns < 999_500_000) return `${three(ns / 1e6)} ms`;
  return `${three(ns / 1e9)} s`;
}

export function share(part: number, whole: number): string {
  if (whole <= 0) return "–";
  if (part === 0) return "0 %";
  const p = (100 * part) / whole;
  if (part > 0 && p < 0.1) return "<0.1 %";
  if (part < whole && p >= 99.95) return ">99.9 %";
  return `${p.toFixed(1)} %`;
}

/** "06:12:04.118" of an RFC 3339 time in UTC. */
export function clock(time: string, fraction = 3): string {
  const m = /T(\d\d:\d\d:\d\d)(?:\.(\d+))?/.exec(time);
  if (!m) return time;
  return fraction ? `${m[1]}.${(m[2] ?? "").padEnd(fraction, "0").slice(0, fraction)}` : m[1]!;
}

export const day = (time: string): string => time.slice(0, 10);

/** A moment of a time chart: seconds only where buckets are that narrow. */
export function tick(ms: number, step: number): string {
  const iso = new Date(ms).toISOString();
  if (step >= 86_400_000) return iso.slice(5, 10);
  return step < 60_000 ? iso.slice(11, 19) : iso.slice(11, 16);
}

export function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${seconds / 60} min`;
  return seconds < 86_400 ? `${seconds / 3600} h` : `${seconds / 86_400} d`;
}

export function ago(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} d`;
}

/*
 * Names come from the network: what would be invisible, or would turn the text round (controls,
 * bidirectional marks, zero-width and other format characters, lone surrogates), is written out.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034F\u115F\u1160\u3164\uFFA0\uFE00-\uFE0F]/gu;

export function visible(s: string): string {
  return s.replace(UNSEEN, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Cuts a name for a middle ellipsis: the tail keeps the registrable domain readable where it is known. */
export function halves(s: string, domain = ""): [string, string] {
  const head = s.length - domain.length - 1;
  if (domain !== "" && domain.length <= 40 && head >= 3 && s.endsWith(`.${domain}`)) return [s.slice(0, head), s.slice(head)];
  const max = 22;
  if (s.length <= max + 6) return [s, ""];
  const dot = s.indexOf(".", s.length - max);
  const cut = dot > 0 && dot < s.length - 6 ? dot : s.length - max;
  return [s.slice(0, cut), s.slice(cut)];
}
