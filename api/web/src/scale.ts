// SPDX-License-Identifier: Apache-2.0
// Axis arithmetic: round steps of figures and of time. Pure functions.

/** A round step (1, 2, 5 × 10^n, at least 1) that gives about `wanted` ticks. */
export function roundStep(spread: number, wanted: number): number {
  const raw = Math.max(1, spread / wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

export function ticks(min: number, max: number, wanted = 4): number[] {
  const step = roundStep(max - min, wanted);
  const out: number[] = [];
  for (let v = Math.ceil(min / step) * step; v <= max + step / 1e6; v += step) out.push(v);
  return out;
}

const S = 1000, M = 60 * S, H = 60 * M, D = 24 * H;
const TIME_STEPS = [S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S, M, 2 * M, 5 * M, 10 * M, 15 * M, 30 * M,
  H, 2 * H, 3 * H, 6 * H, 12 * H, D, 2 * D, 7 * D];

export function timeStep(spread: number, wanted: number): number {
  return TIME_STEPS.find((s) => spread / s <= wanted) ?? 30 * D;
}

export function timeTicks(from: number, to: number, step: number): number[] {
  const out: number[] = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) out.push(t);
  return out;
}

/** Powers of ten around [min, max], at least one decade apart. */
export function decades(min: number, max: number): number[] {
  const lo = Math.floor(Math.log10(Math.max(1, min)));
  const hi = Math.max(lo + 1, Math.ceil(Math.log10(Math.max(1, max))));
  return Array.from({ length: hi - lo + 1 }, (_, i) => 10 ** (lo + i));
}
