import * as z from 'zod'
import type {ApiClientRule, ApiListen} from '../model/index.ts'
import {conflict, type Problem} from './problem.ts'
import {absolutePath, listen, parsed} from './scalars.ts'

/** As `openssl x509 -fingerprint -sha256` prints it, or without its colons. */
const parseFingerprint = (text: string): string | null => {
  const plain = text.replaceAll(':', '').toLowerCase()
  return /^[0-9a-f]{64}$/.test(plain) ? plain : null
}

const client = z.strictObject({
  commonName: z.string().min(1).max(64).optional(),
  fingerprint: parsed(parseFingerprint, 'a SHA-256 fingerprint of 64 hex digits').optional(),
  role: z.enum(['viewer', 'admin']),
})

export const apiSchema = z.strictObject({
  listen,
  tls: z.strictObject({cert: absolutePath, key: absolutePath, clientCa: absolutePath.optional()}),
  clients: z.array(client).default([]),
})

type ApiYaml = z.output<typeof apiSchema>

/** A rule that means nobody, or more than it says, is refused: it decides who may change the gateway. */
export function* checkApi(api: ApiYaml | undefined): Generator<Problem> {
  const seen = new Set<string>()
  for (const [index, {commonName, fingerprint}] of (api?.clients ?? []).entries()) {
    const path = ['api', 'clients', index]
    if ((commonName === undefined) === (fingerprint === undefined)) {
      const words = commonName === undefined ? 'neither commonName nor fingerprint' : 'both commonName and fingerprint'
      yield conflict(path, words, 'name the certificate by one of them')
    }
    if (commonName !== undefined && api!.tls.clientCa === undefined) {
      const remedy = 'add `tls.clientCa: FILE`, or name the certificate by its fingerprint'
      yield conflict([...path, 'commonName'], 'anybody could bear this name: no authority says whose it is', remedy)
    }
    const identity = commonName === undefined ? `fingerprint ${fingerprint}` : `commonName ${commonName}`
    if (seen.has(identity)) yield conflict(path, `${identity} is named twice`, 'one role a client')
    seen.add(identity)
  }
}

export function toApi(api: ApiYaml | undefined): ApiListen | null {
  if (!api) return null
  const {listen: place, tls, clients} = api
  return {
    ...place,
    ...{cert: tls.cert, key: tls.key, clientCa: tls.clientCa ?? null},
    clients: clients.flatMap(({commonName, fingerprint, role}): ApiClientRule[] => {
      if (commonName !== undefined) return [{commonName, role}]
      return fingerprint === undefined ? [] : [{fingerprint, role}]
    }),
  }
}
