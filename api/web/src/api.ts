// SPDX-License-Identifier: Apache-2.0
// Calls to our own origin: at most three at once, so that other tabs keep their connections, and
// each call can be aborted. Errors are RFC 9457 problems, also when nobody answered.
import type { ProblemBody } from "./types";

export class Problem extends Error {
  constructor(readonly body: ProblemBody) {
    super(body.detail ?? body.title);
  }
  /** Nobody answered, in contrast to an answer that is an error. */
  get offline(): boolean { return this.body.status === 0; }
}

const AT_ONCE = 3;
const TIMEOUT_MS = 30_000;
let running = 0;
const waiting: (() => void)[] = [];

async function slot(): Promise<void> {
  if (running < AT_ONCE) { running++; return; }
  await new Promise<void>((go) => waiting.push(go)); // the slot is handed over, not freed
}

function release(): void {
  const next = waiting.shift();
  if (next) next();
  else running--;
}

async function problemOf(r: Response): Promise<Problem> {
  try {
    const body = await r.json() as ProblemBody;
    if (typeof body.title === "string") return new Problem({ ...body, status: r.status });
  } catch { /* no JSON: say what is known */ }
  return new Problem({ title: `The controller answered ${r.status} ${r.statusText}`.trim(), status: r.status });
}

export type Params = Record<string, string | number | undefined>;

export async function get<T>(path: string, params: Params, signal?: AbortSignal): Promise<T> {
  const p = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== "") p.set(k, String(v));
  const query = p.toString();
  await slot();
  try {
    signal?.throwIfAborted();
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const r = await fetch(`/api/v1/${path}${query ? `?${query}` : ""}`, {
      signal: signal ? anyOf(signal, late) : late, credentials: "same-origin",
      headers: { Accept: "application/json" },
    });
    if (!r.ok) throw await problemOf(r);
    return await r.json() as T;
  } catch (e) {
    if (e instanceof Problem || signal?.aborted) throw e;
    const slow = e instanceof DOMException && e.name === "TimeoutError";
    throw new Problem(slow
      ? { title: "No answer within 30 s", status: 0, detail: "The controller is busy, or the range is too wide." }
      : { title: "The controller does not answer", status: 0, detail: "It is tried again every few seconds." });
  } finally {
    release();
  }
}

/** AbortSignal.any is younger than the browsers of some wall screens. */
function anyOf(a: AbortSignal, b: AbortSignal): AbortSignal {
  const c = new AbortController();
  for (const s of [a, b]) {
    if (s.aborted) c.abort(s.reason);
    s.addEventListener("abort", () => c.abort(s.reason), { once: true });
  }
  return c.signal;
}
