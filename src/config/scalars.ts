import * as z from 'zod'
import {NAME_RULE, parseUplinkName} from '../model/index.ts'
import {type Address, parseAddress, parsePort, parsePrefix} from '../net/index.ts'

/** A string that a parse function must accept; what it returns is what the rest of the program sees. */
export const parsed = <T>(parse: (text: string) => T | null, rule: string, shown = withoutSecrets) =>
  z.string().transform((text, context): T => {
    const value = parse(text)
    if (value !== null) return value
    context.addIssue({code: 'custom', message: `${shown(text)} is not ${rule}`})
    return z.NEVER
  })

/** What is refused is told to the log and to viewers: nothing of a URL that may let one in. */
const withoutSecrets = (text: string): string =>
  JSON.stringify(
    text.includes('://') ? text.replace(/:\/\/.*@/s, '://***@').replace(/[?#].+/s, (rest) => `${rest[0]}***`) : text,
  )

export const address = parsed(parseAddress, 'an IP address such as 192.0.2.1 or fd00::1')
export const prefix = parsed(parsePrefix, 'a prefix such as 10.1.0.0/16 with its host bits zero')
export const uplinkName = parsed(parseUplinkName, `an uplink name (${NAME_RULE})`)

const parsePath = (text: string): string | null => (/^\/[^\0]*$/.test(text) ? text : null)
export const absolutePath = parsed(parsePath, 'an absolute path')

const parseListen = (text: string): {address: Address; port: number} | null => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  const listen = match && parseAddress(match[1] ?? match[2]!)
  const port = match && parsePort(match[3]!)
  return listen && port ? {address: listen, port} : null
}

export const listen = parsed(parseListen, 'ADDRESS:PORT such as 127.0.0.1:9633 or [::1]:9633')

/** What is no path may be the secret itself. */
export const secret = z.strictObject({file: parsed(parsePath, 'an absolute path', () => 'what stands here')})

const AS_RULE = 'must be an AS number from 1 to 4294967294'

/** 0 and 4294967295 are reserved (RFC 7607, RFC 7300), 23456 stands for AS numbers that do not fit (RFC 6793). */
export const as = z
  .int({error: AS_RULE})
  .min(1, {error: AS_RULE})
  .max(4294967294, {error: AS_RULE})
  .refine((value) => value !== 23456, 'AS 23456 is reserved (RFC 6793)')
