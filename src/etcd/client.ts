import {readFileSync} from 'node:fs'
import {ExponentialBackoff, handleWhen, noop, retry} from 'cockatiel'
import {Etcd3} from 'etcd3'
import type {PasswordUser, TlsFiles} from '../model/index.ts'
import {isOldRevision} from './errors.ts'
import {LARGEST_MESSAGE} from './limits.ts'
import {createLogin, type Login} from './login.ts'

export interface EtcdOptions {
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles | null
  /** null: etcd takes the user from the certificate, or asks for none. */
  readonly user: PasswordUser | null
}

/** One client an endpoint, so that it is we who choose which one is tried next. */
export interface EtcdConnection {
  readonly endpoints: readonly string[]
  /** The client of an endpoint by index, modulo their number. */
  client(index: number): Etcd3
  close(): void
}

/**
 * etcd closes connections that ping more often than every 5 s, so gRPC's keepalive is slow and a frozen server is found
 * by questions of our own (`heartbeat.ts`). gRPC's own bound on messages is 4 MB, a page of 1,000 policies is more; without
 * one a site could fill our memory.
 * etcd3's retries and circuit breakers are switched off: they would delay ours by 5 s.
 */
const GRPC = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.max_receive_message_length': LARGEST_MESSAGE,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
}

/** A call without an answer is given up after this long: a host that swallows packets must not hold up the others. */
export const CALL_TIMEOUT_MS = 5000

/** Such a request was not done, and is when it is asked again. */
const USERS_CHANGED = retry(handleWhen(isOldRevision), {
  maxAttempts: 5,
  backoff: new ExponentialBackoff({initialDelay: 20, maxDelay: 200}),
})

/** Opens nothing yet: the first call connects. Throws when a TLS file or the password's cannot be read. */
export function connect(options: EtcdOptions): EtcdConnection {
  const {tls, user} = options
  const credentials = tls && {
    rootCertificate: readFileSync(tls.ca),
    ...(tls.key ? {privateKey: readFileSync(tls.key)} : {}),
    ...(tls.cert ? {certChain: readFileSync(tls.cert)} : {}),
  }
  const clients = options.endpoints.map((endpoint) => {
    const login: Login | null =
      user && createLogin(user, async (password) => (await client.auth.authenticate({name: user.name, password})).token)
    const client = new Etcd3({
      hosts: endpoint,
      ...(credentials ? {credentials} : {}),
      grpcOptions: GRPC,
      defaultCallOptions: ({isStream, method}) => ({
        ...(isStream ? {} : {deadline: Date.now() + CALL_TIMEOUT_MS}),
        ...(method === 'authenticate' ? {} : login?.callOptions()),
      }),
      faultHandling: {host: () => noop, global: USERS_CHANGED},
    })
    return client
  })
  return {
    endpoints: options.endpoints,
    client: (index) => clients[index % clients.length]!,
    close: () => {
      for (const client of clients) client.close()
    },
  }
}
