import {addressNumber, familyOf, parseAddress} from '../../net/index.ts'

/** The number that a classid is: `1:2a`, `none`. */
export function classNumber(word: string): number {
  const [major, minor] = word === 'none' ? ['0', '0'] : word.split(':')
  return Number.parseInt(major!, 16) * 0x10000 + Number.parseInt(minor!, 16)
}

/** An address as packets have it; null where the text is none. */
export function addressBytes(word: string): Buffer | null {
  const address = parseAddress(word)
  if (address === null) return null
  const digits = familyOf(address) === 4 ? 8 : 32
  return Buffer.from(addressNumber(address).toString(16).padStart(digits, '0'), 'hex')
}
