import type {EtcdStep} from '../../model/index.ts'

export const EXPORT_PREFIX = '/isthmus/v1/export/'

/** etcd takes 128 operations a transaction and 1.5 MiB unless told otherwise. */
const OPERATIONS = 100
const BYTES = 1_000_000

export interface Transaction {
  readonly put: readonly (readonly [key: string, value: string])[]
  readonly gone: readonly string[]
  /** Phases of its first and of its last operation. */
  readonly first: number
  readonly last: number
}

interface Operation {
  readonly phase: number
  readonly key: string
  /** null: it is deleted. */
  readonly text: string | null
}

/** The step in as few transactions as it fits into, in the order of its phases; a put too large for any goes alone. */
export function* transactions({put, delete: gone}: Pick<EtcdStep, 'put' | 'delete'>): Generator<Transaction> {
  const operations: Operation[] = []
  for (const [key, text] of put) operations.push({phase: putPhase(kindOf(key)), key, text})
  for (const key of gone) operations.push({phase: deletePhase(kindOf(key)), key, text: null})
  operations.sort((a, b) => a.phase - b.phase)
  let some: Operation[] = []
  let bytes = 0
  for (const operation of operations) {
    const size = Buffer.byteLength(operation.key) + Buffer.byteLength(operation.text ?? '')
    if (some.length === OPERATIONS || (some.length > 0 && bytes + size > BYTES)) {
      yield transactionOf(some)
      some = []
      bytes = 0
    }
    some.push(operation)
    bytes += size
  }
  if (some.length > 0) yield transactionOf(some)
}

function transactionOf(operations: readonly Operation[]): Transaction {
  return {
    put: operations.flatMap(({key, text}) => (text === null ? [] : [[key, text] as const])),
    gone: operations.flatMap(({key, text}) => (text === null ? [key] : [])),
    first: operations[0]!.phase,
    last: operations.at(-1)!.phase,
  }
}

/** Whether it may be under way together with an earlier one: none of its operations must come after one of that one's. */
export const mayAccompany = (later: Transaction, earlier: Transaction): boolean => later.last <= earlier.first

/**
 * Phases are what keeps the export right for its readers at every moment (formats.md): attribute sets before the
 * memberships that name them, `meta` last of all puts, since it says what is there whole; then what goes, sets last.
 */
const putPhase = (kind: string): number => (kind === 'attributes' ? 0 : kind === 'meta' ? 2 : 1)

const deletePhase = (kind: string): number => (kind === 'meta' ? 3 : kind === 'attributes' ? 5 : 4)

const kindOf = (key: string): string => key.slice(EXPORT_PREFIX.length).split('/', 1)[0]!
