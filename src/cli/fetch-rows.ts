import type {Answer, ApiClient, Kind, Listing, Rows} from '../api/client.ts'

export interface RowQuery<K extends Kind> {
  readonly kind: K
  readonly name: string | null
  readonly selector: string | null
  /** 0: all. */
  readonly limit: number
}

export interface Fetched<K extends Kind> {
  readonly rows: readonly Rows[K][]
  /** There are more than were asked for. */
  readonly more: boolean
}

/** So many come at once: to write a million at once would hold up the gateway. */
const PAGE = 10_000

/** Rows of one kind, page by page. */
export async function fetchRows<K extends Kind>(
  api: ApiClient,
  {kind, name, selector, limit}: RowQuery<K>,
  onRows: (count: number) => void = () => undefined,
): Promise<Answer<Fetched<K>>> {
  const rows: Rows[K][] = []
  let next: string | null = null
  for (;;) {
    const left = limit === 0 ? PAGE : Math.min(PAGE, limit - rows.length)
    const answer: Answer<Listing<K>> = await api.get(kind, name, {limit: left, selector, cursor: next})
    if (!answer.ok) return answer
    for (const item of answer.value.items) rows.push(item)
    onRows(rows.length)
    const {more} = answer.value
    next = answer.value.next
    if (!more || next === null || (limit > 0 && rows.length >= limit)) return {ok: true, value: {rows, more}}
  }
}
