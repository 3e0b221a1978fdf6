import type {Path} from '../yaml/index.ts'
import type {Problem} from './problem.ts'

interface Reached {
  readonly endpoints?: readonly string[] | undefined
  readonly tls?: {readonly cert?: string | undefined; readonly key?: string | undefined} | undefined
  readonly user?: object | undefined
  readonly insecure?: boolean | undefined
}

/**
 * Both ends prove who they are, at every etcd: what is read there decides who may talk to whom. We do by a certificate, or
 * by a password that goes through TLS. Anything less needs `insecure: true`, which stays in status as a warning; and where nothing is insecure the flag must go, or nobody would
 * notice on the day when it matters.
 */
export function* checkTls({endpoints = [], tls, user, insecure = false}: Reached, path: Path): Generator<Problem> {
  const problem = (at: Path, detail: string, remedy: string): Problem => ({
    ...{code: 'config-conflict', path: [...path, ...at], detail, remedy},
  })
  for (const [index, endpoint] of endpoints.entries()) {
    const at = ['endpoints', index]
    const clear = endpoint.startsWith('http:')
    if (!clear && !tls) yield problem(at, `${endpoint} needs tls`, TLS)
    if (clear && tls) yield problem(at, `${endpoint} is clear text, but tls is given`, 'write https://')
    if (clear && !tls && !insecure) {
      const remedy = `https:// and ${TLS}; or \`insecure: true\` where nobody else can be on the way`
      yield problem(at, `${endpoint} is clear text, and anybody on the way could write policy`, remedy)
    }
  }
  if (!tls) return
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [given, missing] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    yield problem(['tls'], `${given} without ${missing}`, 'a client certificate is both')
  } else if (tls.cert === undefined && !user && !insecure) {
    const remedy =
      'add cert and key (`isthmus site init` and `site join` make them), or `user`; or `insecure: true` if etcd asks nobody'
    yield problem(['tls'], 'no client certificate, so etcd cannot know who asks', remedy)
  } else if ((tls.cert !== undefined || user) && insecure) {
    yield problem(['insecure'], 'said to be insecure, but it is not', 'take it out')
  }
}

const TLS = 'add `tls: {ca: FILE, cert: FILE, key: FILE}`'
