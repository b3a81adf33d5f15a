// SPDX-License-Identifier: Apache-2.0
// What the panels show, one resource per call. A load asks for the summary first: its absolute
// range is what all other calls ask for, so that no two panels speak of different seconds.
import { computed, effect, signal, untracked, type Signal } from "@preact/signals";
import { get, Problem, type Params } from "./api";
import { and, clientPart } from "./query";
import type { Coverage, Fields, Logs, Loss, Row, Summary, Timeseries, Top } from "./types";
import { view } from "./url";

export interface Resource<T> { data: Signal<T | null>; problem: Signal<Problem | null> }

function resource<T>(): Resource<T> {
  return { data: signal<T | null>(null), problem: signal<Problem | null>(null) };
}

export const summary = resource<Summary>();
export const outcome = resource<Timeseries>(); // by rcode, without search-list misses
export const scopes = resource<Timeseries>(); // by scope; its "search" series is drawn apart
export const whole = resource<Timeseries>();
export const types = resource<Top>();
export const codes = resource<Top>();
export const domains = resource<Top>();
export const clients = resource<Top>();
export const servers = resource<Top>();
export const traffic = resource<Top>();
export const logs = resource<Logs>();
export const gaps = resource<Logs>();
export const fields = resource<Fields>();
export const coverage = resource<Coverage>();

/* What was lost has no name and no code, so a filter by them would hide it: loss is asked for by the
 * filter's client part alone, and only then by calls of its own. */
const lossSummary = resource<Summary>();
const lossTime = resource<Timeseries>();
const sameLoss = (): boolean => clientPart(view.value.q) === view.value.q.trim();

/** Packets of the range that may be missing in the figures; null while that is not known. */
export const loss = computed<Loss | null>(() =>
  (sameLoss() ? summary : lossSummary).data.value?.loss ?? null);
export const lossByTime = computed<Timeseries["loss"]>(() =>
  (sameLoss() ? whole : lossTime).data.value?.loss ?? []);

/** The filter's own mistake, with its text: the box shows it, the panels keep what they had. */
export const mistake = signal<{ text: string; problem: Problem } | null>(null);
/** Since when nobody answers; null while somebody does. */
export const offlineSince = signal<number | null>(null);
/** What the shown figures were asked with; `slow` once a change takes longer than two seconds. */
export const shown = signal("");
export const busy = signal(false);
export const slow = signal(false);
/** Reasons not to touch the page now: a drag, an open list. */
export const holds = signal(0);
/** New rows that the log table did not show because somebody reads it. */
export const pending = signal(0);
/** Set by the log table while it is scrolled, pointed at or has a row open. */
export const reading = signal(false);

/** How long figures may stand before they are asked for again: wide ranges cost the store more. */
export const refreshMs = computed(() => {
  const r = summary.data.value?.range;
  const hours = r ? (Date.parse(r.to) - Date.parse(r.from)) / 3_600_000 : 0;
  return hours <= 1 ? 5000 : hours <= 6 ? 15_000 : 60_000;
});
const BUCKETS = 60;
export const PAGE_ROWS = 100;

let current: AbortController | null = null;

const keyOf = (): string => JSON.stringify([view.value.q, view.value.from, view.value.to]);

async function fill<T>(to: Resource<T>, path: string, params: Params, signal: AbortSignal): Promise<void> {
  try {
    const data = await get<T>(path, params, signal);
    if (signal.aborted) return;
    to.data.value = data;
    to.problem.value = null;
  } catch (e) {
    if (signal.aborted) return;
    if (!(e instanceof Problem)) throw e;
    to.problem.value = e;
  }
}

/** A call of the log's first page keeps the rows still while somebody reads them. */
async function fillLogs(params: Params, fresh: boolean, signal: AbortSignal): Promise<void> {
  const next = resource<Logs>();
  await fill(next, "logs", params, signal);
  if (signal.aborted) return;
  const now = next.data.value;
  const before = logs.data.value;
  if (now && before && !fresh && (reading.value || before.rows.length > PAGE_ROWS)) {
    const known = new Set(before.rows.map((r) => r.row));
    pending.value = now.rows.filter((r) => !known.has(r.row)).length;
    return;
  }
  if (now) { logs.data.value = now; pending.value = 0; }
  logs.problem.value = next.problem.value;
}

async function rest(range: Params, fresh: boolean, signal: AbortSignal): Promise<void> {
  const q = view.value.q;
  const p: Params = { ...range, q };
  const time: Params = { ...p, buckets: BUCKETS };
  const lost = { ...range, q: clientPart(q) };
  const lossCalls = sameLoss() ? [] : [
    fill(lossSummary, "summary", lost, signal),
    fill(lossTime, "timeseries", { ...lost, buckets: BUCKETS }, signal)];
  await Promise.all([...lossCalls,
    fill(outcome, "timeseries", { ...time, q: and(q, "scope != search"), by: "rcode", limit: 20 }, signal),
    fill(codes, "top", { ...p, by: "rcode,scope", limit: 100 }, signal),
    fill(whole, "timeseries", time, signal),
    fill(types, "top", { ...p, by: "qtype,scope", order: "queries", limit: 100 }, signal),
    fillLogs({ ...p, limit: PAGE_ROWS }, fresh, signal),
    fill(scopes, "timeseries", { ...time, by: "scope" }, signal),
    fill(domains, "top", { ...p, q: and(q, "scope = external"), by: "domain", order: "queries", limit: 10 }, signal),
    fill(clients, "top", { ...p, by: "client_namespace,client_name", order: "queries", limit: 10 }, signal),
    fill(servers, "top", { ...p, by: "servers.ip,servers.name,servers.namespace,servers.service", order: "queries", limit: 10 }, signal),
    fill(traffic, "top", { ...p, by: "client_namespace,client_name", order: "bytes", limit: 10 }, signal),
    fill(gaps, "logs", { ...lost, type: "UNLOGGED", limit: PAGE_ROWS }, signal),
  ]);
}

/** fresh: somebody changed the question; otherwise the same question again, in silence. */
export async function load(fresh: boolean): Promise<void> {
  current?.abort();
  const mine = current = new AbortController();
  const { q, from, to } = view.value;
  const key = keyOf();
  busy.value = true;
  const late = setTimeout(() => { slow.value = true; }, 2000);
  try {
    await fill(summary, "summary", { q, from, to }, mine.signal);
    if (mine.signal.aborted) return;
    const problem = summary.problem.value;
    mistake.value = problem?.body.query ? { text: q, problem } : null;
    offlineSince.value = problem?.offline ? offlineSince.value ?? Date.now() : null;
    if (problem?.body.query || problem?.offline) return;
    await rest(problem ? { from, to } : { ...summary.data.value?.range }, fresh, mine.signal);
    if (!mine.signal.aborted) shown.value = key;
  } finally {
    clearTimeout(late);
    if (current === mine) { busy.value = false; slow.value = false; }
  }
}

/** One more page of the log, behind the last; a Problem when it does not come. */
export async function loadMore(): Promise<void> {
  const have = logs.data.value;
  if (!have?.next_cursor) return;
  holds.value++;
  try {
    const next = await get<Logs>("logs", {
      q: view.value.q, ...have.range, limit: PAGE_ROWS, cursor: have.next_cursor,
    });
    if (logs.data.value !== have) return; // the question changed meanwhile
    const known = new Set(have.rows.map((r: Row) => r.row));
    logs.data.value = { ...next, rows: [...have.rows, ...next.rows.filter((r) => !known.has(r.row))] };
  } finally {
    holds.value--;
  }
}

/** Coverage in full is large: asked for only when somebody opens it. */
export const loadCoverage = (): Promise<void> =>
  fill(coverage, "coverage", {}, new AbortController().signal);

/** Whether the range ends at now, so that there is something to refresh. */
export const live = (): boolean => view.value.to === "now";

export function start(): void {
  void fill(fields, "fields", {}, new AbortController().signal);
  let key = "";
  effect(() => {
    const now = keyOf();
    if (now === key) return; // only the open row changed
    key = now;
    untracked(() => void load(true));
  });
  let next = Date.now() + 4500;
  const again = (): void => {
    const wanted = live() || offlineSince.value !== null;
    const still = !busy.value && !holds.value && document.visibilityState === "visible" && getSelection()?.type !== "Range";
    if (!wanted || !still || Date.now() < next) return;
    const began = Date.now();
    // A slow store is not asked more often than it can answer.
    void load(false).finally(() => { next = began + Math.max(refreshMs.value, 4 * (Date.now() - began)) - 500; });
  };
  setInterval(again, 1000);
  document.addEventListener("visibilitychange", again);
}
