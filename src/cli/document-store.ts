import type {Answer, DocumentPlan, DocumentTransaction, Stored} from '../documents/index.ts'
import type {DatastoreConfig, DatastoreName, Finding, GatewayConfig} from '../model/index.ts'
import {type CliContext, EXIT, type ExitStatus} from './context.ts'
import {readGatewayConfig} from './read-config.ts'
import {LOGIN_REMEDY} from './site-datastores.ts'

/** The datastore that documents are read from and written to. */
export interface DocumentStore {
  readonly config: GatewayConfig
  readonly datastore: DatastoreName
  read(prefixes: readonly string[]): Promise<{readonly stored: Stored; readonly revision: number}>
  /** False: something is not as it was read at `since`, and nothing was written. */
  write(transaction: DocumentTransaction, since: number): Promise<boolean>
  close(): void
}

export type Opened =
  | {readonly store: DocumentStore}
  | {readonly findings: readonly Finding[]; readonly status: ExitStatus}

/**
 * Opens the datastore that holds this site's export, or the one named: documents in any of them count the same, but one
 * home for them all is what an operator can keep in mind. The rights are those that the configuration gives.
 */
export async function openDocumentStore(configFile: string, name: string | undefined): Promise<Opened> {
  const {config, findings} = await readGatewayConfig(configFile)
  if (!config) return {findings, status: EXIT.finding}
  const datastore = config.datastores.find((one) => (name === undefined ? one.export !== null : one.name === name))
  if (!datastore || datastore.kind === 'file') {
    const known = config.datastores.filter(({kind}) => kind !== 'file').map((one) => one.name)
    const detail = datastore ? `datastore ${name} is a file and cannot be written` : `there is no datastore ${name}`
    const where = {source: `config ${configFile}`, field: 'datastores'}
    const remedy = `one of ${known.join(', ')}`
    return {findings: [{code: 'config-invalid', severity: 'error', where, detail, remedy}], status: EXIT.usage}
  }
  return {store: await storeOf(config, datastore)}
}

async function storeOf(config: GatewayConfig, {name, endpoints, tls, user}: DatastoreConfig): Promise<DocumentStore> {
  // gRPC is the heaviest thing of the command line by far, and needed by few commands.
  const {openKeyValues} = await import('../etcd/index.ts')
  const etcd = openKeyValues({endpoints, tls, user})
  return {
    config,
    datastore: name,
    async read(prefixes) {
      const {records, revision} = await etcd.list(prefixes)
      const stored = records.map(({key, value, modRevision}) => ({
        key,
        text: Buffer.from(value).toString('utf8'),
        modRevision,
      }))
      return {stored: new Map(stored.map((one) => [one.key, one])), revision}
    },
    write: async (transaction, since) => (await etcd.swap({...transaction, since})) !== null,
    close: () => etcd.close(),
  }
}

/** Why etcd could not be asked, and the status that says so: refused is a refusal, away is away. Rethrows our own bugs. */
export async function storeFailure(
  error: unknown,
  datastore: DatastoreName,
): Promise<{readonly finding: Finding; readonly status: ExitStatus}> {
  const {EtcdLoginRefused, EtcdRefused, EtcdUnreachable} = await import('../etcd/index.ts')
  if (!(error instanceof EtcdRefused || error instanceof EtcdUnreachable)) throw error
  const where = {source: `datastore ${datastore}`}
  const detail = error.message
  if (error instanceof EtcdRefused) {
    const remedy =
      error instanceof EtcdLoginRefused
        ? LOGIN_REMEDY
        : 'the user needs a role with readwrite on /isthmus/v1/resources/'
    return {finding: {code: 'etcd-refused', severity: 'error', where, detail, remedy}, status: EXIT.finding}
  }
  return {finding: {code: 'etcd-unreachable', severity: 'error', where, detail}, status: EXIT.unreachable}
}

export interface Written {
  /** What became of each document, over all tries. */
  readonly answers: readonly Answer[]
  /** Of the last plan; an error among them refused it. */
  readonly findings: readonly Finding[]
  /** Transactions that it took; more than one are not atomic together. */
  readonly transactions: number
  /** The store would not hold still. */
  readonly gaveUp: boolean
}

/** So often somebody else may write between reading and writing before that is an answer. */
const TRIES = 5

/**
 * Reads, plans and writes, again from the start where somebody else wrote in between; `plan` is asked anew each time, so
 * that what it refuses is refused by what is stored now. `sent` are keys that were written or deleted by an earlier try,
 * whole or in part. `announce` hears of the first plan before anything of it is done. With `dryRun` it only plans.
 */
export async function planAndWrite(
  store: DocumentStore,
  prefixes: readonly string[],
  dryRun: boolean,
  plan: (stored: Stored, sent: ReadonlySet<string>) => DocumentPlan,
  announce: (plan: DocumentPlan) => Promise<void>,
): Promise<Written> {
  const {transactionsOf} = await import('../documents/index.ts')
  const sent = new Map<string, {readonly text: string | null; readonly answer: Answer}>()
  const answers = new Map<string, Answer>()
  let transactions = 0
  for (let attempt = 1; ; attempt++) {
    const {stored, revision} = await readAgain(store, prefixes, sent.size > 0)
    const planned = plan(stored, new Set(sent.keys()))
    for (const answer of planned.answers) {
      // What we sent and is stored was our doing, also where the answer got lost.
      const ours = sent.get(answer.key)
      answers.set(answer.key, ours && ours.text === (stored.get(answer.key)?.text ?? null) ? ours.answer : answer)
    }
    const done = (gaveUp: boolean): Written => {
      return {answers: [...answers.values()], findings: planned.findings, transactions, gaveUp}
    }
    const isRefused = planned.findings.some(({severity}) => severity === 'error')
    if (isRefused || planned.changes.length === 0) return done(false)
    if (attempt === 1) await announce(planned)
    if (dryRun) return done(false)
    let isWhole = true
    for (const transaction of transactionsOf(planned.changes)) {
      for (const {key, text} of transaction.changes) sent.set(key, {text, answer: answers.get(key)!})
      isWhole = await writeOnce(store, transaction, revision, attempt === TRIES)
      if (!isWhole) break
      transactions++
    }
    if (isWhole) return done(false)
    if (attempt === TRIES) return done(true)
  }
}

/** After something was sent, nobody knows what of it is stored until it can be read again. */
async function readAgain(store: DocumentStore, prefixes: readonly string[], isAgain: boolean) {
  try {
    return await store.read(prefixes)
  } catch (error) {
    const {EtcdUnreachable} = await import('../etcd/index.ts')
    if (!isAgain || !(error instanceof EtcdUnreachable)) throw error
    const detail = `${error.message}; something may be written already: run the command again`
    throw new EtcdUnreachable(detail, {cause: error})
  }
}

/** False where it was not written, or where its answer got lost: reading again tells which. */
async function writeOnce(store: DocumentStore, transaction: DocumentTransaction, since: number, isLast: boolean) {
  try {
    return await store.write(transaction, since)
  } catch (error) {
    if (isLast || (await storeFailure(error, store.datastore)).finding.code === 'etcd-refused') throw error
    return false
  }
}

/** Prints findings for people, places first, as editors and terminals make links of. */
export function tellFindings(context: CliContext, findings: readonly Finding[]): void {
  for (const {severity, code, where, detail, remedy} of findings) {
    const source = where.source.replace(/^(?:file|config) /, '')
    const place = [source, where.line, where.column].filter((part) => part !== undefined).join(':')
    const subject = [where.key, where.field].filter((part) => part !== undefined).join(' ')
    const tail = remedy === undefined ? '' : `; ${remedy}`
    context.err(`${place}: ${severity} ${code}${subject === '' ? '' : ` ${subject}`}: ${detail}${tail}\n`)
  }
}
