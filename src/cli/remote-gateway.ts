import {Option} from 'commander'
import type {ApiPlace} from '../api/client.ts'
import type {CliContext} from './context.ts'

/** The options of the whole program by which a command asks a gateway elsewhere. */
interface RemoteOptions {
  readonly url?: string
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

interface Remotely {
  readonly context: CliContext
  readonly options: readonly Option[]
  /** What is wrong with these, once they are known; null: nothing. From then on `context.api` asks there. */
  isWrong(options: RemoteOptions): string | null
}

/** A context whose `api` asks the gateway that `--url` names; commands name a socket and need not know. */
export function remotely(context: CliContext): Remotely {
  let place: Exclude<ApiPlace, string> | null = null
  return {
    context: {
      ...context,
      api: (socketPath, timeoutMs) => context.api(place ?? socketPath, timeoutMs),
      remote: () => place?.url ?? null,
    },
    options: [
      new Option('--url <url>', 'ask this gateway over TLS, https://HOST:PORT').default(context.env.ISTHMUS_URL),
      new Option('--cert <file>', 'with --url: your certificate'),
      new Option('--key <file>', 'with --url: its key'),
      new Option('--ca <file>', "with --url: the authority of the gateway's certificate"),
    ],
    isWrong({url, cert, key, ca}) {
      if (url === undefined) {
        const [given] = Object.entries({cert, key, ca}).flatMap(([name, file]) => (file === undefined ? [] : [name]))
        return given === undefined ? null : `--${given} goes with --url`
      }
      if (!/^https:\/\/(\[[0-9a-fA-F:]+\]|[\w.-]+)(:\d{1,5})?\/?$/.test(url)) {
        return `--url: ${JSON.stringify(url)} is not https://HOST:PORT`
      }
      if ((cert === undefined) !== (key === undefined)) return 'a certificate is --cert and --key'
      place = {
        url,
        ...(cert === undefined || key === undefined ? {} : {cert, key}),
        ...(ca === undefined ? {} : {ca}),
      }
      return null
    },
  }
}
