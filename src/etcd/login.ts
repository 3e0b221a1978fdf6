import {readFileSync} from 'node:fs'
import {type CallOptions, credentials, InterceptingCall, Metadata} from '@grpc/grpc-js'
import type {PasswordUser} from '../model/index.ts'
import {errorText, isLoginRefused, isTokenOver} from './errors.ts'

/** So many tokens in a row that etcd itself gave and then refused are no chance: its members' clocks differ, say. */
const REFUSED_TOKENS = 5

/** Every call of one client comes with the token of its user. */
export interface Login {
  /** What a call or stream needs for it. */
  callOptions(): CallOptions
}

/**
 * Logs in when the first call needs it, and again when a token is refused. The password is the one that the file had at
 * first, for as long as etcd takes it: a file may be renewed before etcd is told. Then it is what the file has.
 *
 * etcd3 has a login of its own (decision 0083); it opens a channel for each that is never closed. Throws when the file
 * cannot be read.
 */
export function createLogin(user: PasswordUser, authenticate: (password: string) => Promise<string>): Login {
  let password = readPassword(user)
  let token: Promise<string> | null = null
  let refusedTokens = 0

  async function logIn(): Promise<string> {
    try {
      return await authenticate(password)
    } catch (error) {
      const now = isLoginRefused(error) ? readPassword(user) : password
      if (now === password) throw error
      const given = await authenticate(now)
      password = now
      return given
    }
  }

  function currentToken(): Promise<string> {
    if (refusedTokens >= REFUSED_TOKENS) {
      refusedTokens = 0
      return Promise.reject(new Error('etcd refuses each token that it gives; do the clocks of its members differ?'))
    }
    const given = token ?? logIn()
    token = given
    given.catch(() => {
      if (token === given) token = null
    })
    return given
  }

  return {
    callOptions() {
      let used: Promise<string> | null = null
      const withToken = credentials.createFromMetadataGenerator((_, done) => {
        used = currentToken()
        used.then(
          (text) => {
            const metadata = new Metadata()
            metadata.set('token', text)
            done(null, metadata)
          },
          (error: unknown) => done(new Error(errorText(error))),
        )
      })
      return {
        credentials: withToken,
        interceptors: [
          (options, next) =>
            new InterceptingCall(next(options), {
              start: (metadata, _, start) =>
                start(metadata, {
                  onReceiveStatus: (status, tell) => {
                    if (isTokenOver(status.details) && used !== null && used === token) {
                      token = null
                      refusedTokens++
                    } else if (status.code === 0) refusedTokens = 0
                    tell(status)
                  },
                }),
            }),
        ],
      }
    },
  }
}

/** As editors and `echo` write it: the end of its line is not part of it. */
function readPassword({passwordFile}: PasswordUser): string {
  let text: string
  try {
    text = readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`user.password.file: ${errorText(error)}`)
  }
  if (text === '') throw new Error(`user.password.file: ${passwordFile} is empty`)
  return text
}
