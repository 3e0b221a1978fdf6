import {type Etcd3, EtcdLeaseInvalidError} from 'etcd3'
import type {KeyHold} from '../model/index.ts'
import {openCalls} from './calls.ts'
import type {EtcdOptions} from './client.ts'
import {heldCompares} from './key-values.ts'

/**
 * Leases of a datastore by questions, each answered or given up in time. etcd3's own `Lease` says by itself that a lease is
 * lost; here it is the server's word, or the caller's clock.
 */
export interface EtcdLeases {
  /** A new lease; its id. */
  grant(ttlSeconds: number): Promise<string>
  /** Its time begins anew; false: it is no more, and its keys neither. */
  keepAlive(lease: string): Promise<boolean>
  /** Ends it, and its keys with it; fine if it has ended. */
  revoke(lease: string): Promise<void>
  /** Takes a key that must be free, for as long as the lease lasts. */
  claim(wanted: Claim): Promise<Claimed>
  close(): void
}

export interface Claim {
  readonly key: string
  readonly text: string
  readonly lease: string
  /** Else it is not taken. */
  readonly holds: readonly KeyHold[]
}

/** `holder` null: the key is free, but one of the holds is no more, or the lease. */
export type Claimed =
  | {readonly taken: true; readonly hold: KeyHold}
  | {readonly taken: false; readonly holder: {readonly text: string; readonly lease: string} | null}

/** Short where there are others, so that a member that swallows calls leaves time to ask them before a lease of 5 s has ended. */
const ANSWER_WITHIN_MS = {ofOne: 4000, ofSeveral: 1500}

/** On a connection of their own: behind a burst of the export's writes a lease would run out. */
export function openLeases(options: EtcdOptions): EtcdLeases {
  const {call, close} = openCalls(options)
  const withinMs = options.endpoints.length > 1 ? ANSWER_WITHIN_MS.ofSeveral : ANSWER_WITHIN_MS.ofOne
  const keepAlives = createKeepAlives(withinMs)
  const soon = () => ({deadline: Date.now() + withinMs})

  return {
    async grant(ttlSeconds) {
      const {ID} = await call((client) => client.leaseClient.leaseGrant({TTL: ttlSeconds}, soon()))
      return ID
    },
    keepAlive: (lease) => call((client) => keepAlives.ask(client, lease)),
    async revoke(lease) {
      await call(async (client) => {
        await client.leaseClient.leaseRevoke({ID: lease}, soon()).catch(unlessGone)
      })
    },
    async claim({key, text, lease, holds}) {
      const at = Buffer.from(key)
      const free = {key: at, target: 'Create', result: 'Equal', create_revision: '0'} as const
      const answer = await call((client) =>
        client.kv
          .txn(
            {
              compare: [free, ...heldCompares(holds)],
              success: [{request_put: {key: at, value: Buffer.from(text), lease}}],
              failure: [{request_range: {key: at}}],
            },
            soon(),
          )
          .catch(unlessGone),
      )
      if (answer === null) return {taken: false, holder: null}
      if (answer.succeeded) return {taken: true, hold: {key, modRevision: Number(answer.header.revision)}}
      const there = answer.responses[0]?.response_range.kvs[0]
      if (!there) return {taken: false, holder: null}
      // Ours already: the answer to an earlier attempt was lost.
      if (there.lease === lease) return {taken: true, hold: {key, modRevision: Number(there.mod_revision)}}
      return {taken: false, holder: {text: there.value.toString('utf8'), lease: there.lease}}
    },
    close: () => {
      keepAlives.end()
      close()
    },
  }
}

function unlessGone(error: unknown): null {
  if (error instanceof EtcdLeaseInvalidError) return null
  throw error
}

type Stream = Awaited<ReturnType<Etcd3['leaseClient']['leaseKeepAlive']>>

/** A stream that stays open from question to question: a call for each was most of what an idle gateway had to do. */
function createKeepAlives(withinMs: number) {
  let open: {readonly client: Etcd3; readonly stream: Stream} | null = null
  /** One question at a time. */
  let waiting: PromiseWithResolvers<boolean> | null = null

  const end = (): void => {
    open?.stream.cancel()
    open = null
    waiting?.reject(new Error('closed'))
  }
  async function streamOf(client: Etcd3): Promise<Stream> {
    if (open?.client === client) return open.stream
    end()
    const stream = await client.leaseClient.leaseKeepAlive()
    open = {client, stream}
    const fail = (error: Error): void => {
      if (open?.stream !== stream) return
      open = null
      waiting?.reject(error)
    }
    stream.on('data', ({TTL}) => {
      if (open?.stream === stream) waiting?.resolve(Number(TTL) > 0)
    })
    stream.on('error', fail)
    stream.on('end', () => fail(new Error('the server closed the stream')))
    return stream
  }

  return {
    end,
    /** false: the lease is no more. */
    async ask(client: Etcd3, lease: string): Promise<boolean> {
      const stream = await streamOf(client)
      waiting = Promise.withResolvers()
      const late = setTimeout(() => waiting?.reject(new Error(`no answer within ${withinMs} ms`)), withinMs)
      try {
        stream.write({ID: lease})
        return await waiting.promise
      } catch (error) {
        // An answer that comes later is none to the next question.
        open?.stream.cancel()
        open = null
        throw error
      } finally {
        clearTimeout(late)
        waiting = null
      }
    },
  }
}
