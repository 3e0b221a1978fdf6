import {statSync} from 'node:fs'
import {credentialFiles} from '../model/index.ts'
import {connect, type EtcdConnection, type EtcdOptions} from './client.ts'
import {errorText} from './errors.ts'
import type {WatchClock} from './source.ts'

/**
 * Certificates are renewed days before they end, and a password is in force when both sides have it; that they are taken
 * within seconds matters only to whoever looks.
 */
const LOOK_EVERY_MS = 3000

/** What tells one state of the files from another without reading them; null: one of them is not there. */
function fingerprintOf(etcd: EtcdOptions): string | null {
  try {
    // At once: over a thread it would be a good part of what a quiet gateway has to do.
    return credentialFiles(etcd)
      .map((file) => statSync(file))
      .map(({ino, size, mtimeMs}) => `${ino} ${size} ${mtimeMs}`)
      .join()
  } catch {
    return null
  }
}

/** A connection, and the state of the files that it was made with. */
export interface Opened {
  readonly connection: EtcdConnection
  readonly fingerprint: string | null
}

export function openConnection(etcd: EtcdOptions): Opened {
  const fingerprint = fingerprintOf(etcd)
  return {connection: connect(etcd), fingerprint}
}

export interface RenewalOptions {
  readonly etcd: EtcdOptions
  readonly index: number
  readonly prefix: string
  /** Of the files with which the running connection was made. */
  readonly fingerprint: string | null
  readonly clock: WatchClock
  readonly signal: AbortSignal
  /** The files have changed and cannot be used yet; null: they can. */
  readonly onProblem: (problem: string | null) => void
}

/**
 * Waits until the files of certificates and password have changed and a connection made with the new ones has answered;
 * null: aborted first. The old connection is left alone: files that are half written, or that the server refuses, cost nothing.
 */
export async function renewedConnection(options: RenewalOptions): Promise<Opened | null> {
  const {etcd, clock, signal} = options
  if (!etcd.tls && !etcd.user) return null
  const files = etcd.user ? 'renewed files (certificates, password)' : 'renewed certificate files'
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    const fingerprint = fingerprintOf(etcd)
    if (signal.aborted || fingerprint === null || fingerprint === options.fingerprint) continue
    let fresh: EtcdConnection | null = null
    try {
      fresh = connect(etcd)
      await fresh.client(options.index).kv.range({key: Buffer.from(options.prefix), limit: 1, keys_only: true})
      options.onProblem(null)
      if (!signal.aborted) return {connection: fresh, fingerprint}
    } catch (error) {
      options.onProblem(`${files}: ${errorText(error)}; the connection with the old ones goes on`)
    }
    fresh?.close()
  }
  return null
}
