import {
  familyOf,
  parseAddress,
  parseCidr,
  parsePort,
  parsePortRange,
  prefixAddress,
  prefixLength,
} from '../net/index.ts'
import {checkSelector, selectorRemedy} from '../selectors/index.ts'
import {doubtful, isObject, type Shape, show, text, wrong} from './shape.ts'

const LABEL_PART = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?'
const DNS_LABEL = new RegExp(`^${LABEL_PART}$`)
const DNS_SUBDOMAIN = new RegExp(`^${LABEL_PART}(?:\\.${LABEL_PART})*$`)
/** Kubernetes' names of labels (k8s.io/apimachinery, IsQualifiedName) without their prefix. */
const QUALIFIED = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
/** Names of ports (api/pkg/lib/numorstring/port.go). */
export const PORT_NAME = /^[a-zA-Z0-9_.-]{1,128}$/

/** One part of a host name; the names of tiers. */
export const isDnsLabel = (name: string): boolean => name.length <= 63 && DNS_LABEL.test(name)
/** Parts of a host name, joined by dots; the names of everything else. */
export const isDnsSubdomain = (name: string): boolean => name.length <= 253 && DNS_SUBDOMAIN.test(name)

export const NAME_RULE = 'lower case letters, digits and -, beginning and ending with a letter or digit'

function isQualifiedName(key: string): boolean {
  const slash = key.indexOf('/')
  const name = key.slice(slash + 1)
  return (slash < 0 || isDnsSubdomain(key.slice(0, slash))) && name.length <= 63 && QUALIFIED.test(name)
}

/** Labels as Kubernetes takes them, which is what calicoctl asks for. */
export const labels: Shape = (value, path, into) => {
  if (!isObject(value)) {
    into.push(wrong(path, `${show(value)} is no mapping of labels`))
    return
  }
  for (const [key, label] of Object.entries(value)) {
    const at = [...path, key]
    if (!isQualifiedName(key)) {
      into.push(
        wrong(at, `${show(key)} is no label name`, 'NAME or DOMAIN/NAME, with at most 63 letters, digits, - _ .'),
      )
    }
    text((given) =>
      given === '' || (given.length <= 63 && QUALIFIED.test(given))
        ? null
        : {detail: `${show(given)} is no label value`, remedy: 'at most 63 letters, digits, - _ .'},
    )(label, at, into)
  }
}

/** etcd takes the whole document; Calico's bound on all annotations of an object. */
const ANNOTATIONS_MAX = 256 * 1024

export const annotations: Shape = (value, path, into) => {
  if (!isObject(value)) {
    into.push(wrong(path, `${show(value)} is no mapping of annotations`))
    return
  }
  let size = 0
  for (const [key, annotation] of Object.entries(value)) {
    size += key.length + (typeof annotation === 'string' ? annotation.length : 0)
    if (!isQualifiedName(key.toLowerCase())) {
      into.push(wrong([...path, key], `${show(key)} is no annotation name`, 'NAME or DOMAIN/NAME'))
    }
    text()(annotation, [...path, key], into)
  }
  if (size > ANNOTATIONS_MAX)
    into.push(wrong(path, `${size} bytes of annotations, and ${ANNOTATIONS_MAX} are the most`))
}

const selectorWith = (mayBeGlobal: boolean): Shape =>
  text((given) => {
    const checked = checkSelector(given, mayBeGlobal)
    if (checked.ok) return null
    return {detail: checked.message, remedy: selectorRemedy(given)}
  })

export const selector: Shape = selectorWith(false)
/** `global()` may stand here, alone. */
export const namespaceSelectorOfRule: Shape = selectorWith(true)

/** A net of a rule: a CIDR without host bits, as calicoctl demands. */
export const ruleNet: Shape = netWith(false)
/** A net of a set: a bare address is its host net. */
export const setNet: Shape = netWith(true)

function netWith(mayBeAddress: boolean): Shape {
  return (value, path, into) => {
    const prefix = typeof value === 'string' ? parseCidr(value) : null
    if (typeof value !== 'string' || prefix === null) {
      into.push(wrong(path, `${show(value)} is no CIDR`, 'such as 10.1.0.0/16 or fd00:1::/48'))
      return
    }
    const slash = value.indexOf('/')
    const address = parseAddress(slash < 0 ? value : value.slice(0, slash))!
    if (slash < 0) {
      if (!mayBeAddress) into.push(wrong(path, `${value} is an address and no CIDR`, `write ${prefix}`))
      else if (address !== value) into.push(doubtful(path, `${value} is written in an unusual way`, `write ${address}`))
      return
    }
    if (address !== prefixAddress(prefix)) {
      const host = `${address}/${familyOf(address) === 4 ? 32 : 128}`
      into.push(
        wrong(
          path,
          `${value} has host bits set behind /${prefixLength(prefix)}`,
          `write ${prefix}, or ${host} for the one address`,
        ),
      )
    } else if (prefix !== value) into.push(doubtful(path, `${value} is written in an unusual way`, `write ${prefix}`))
  }
}

/** A port: a number, `FIRST:LAST`, or the name of a port of an endpoint. */
export const port: Shape = (value, path, into) => {
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < 1 || value > 65535)
      into.push(wrong(path, `${value} is no port from 1 to 65535`))
    return
  }
  if (typeof value !== 'string') {
    into.push(wrong(path, `${show(value)} is no port`, 'a number, "FIRST:LAST", or the name of a port'))
    return
  }
  const ends = /^(\d+):(\d+)$/.exec(value)
  if (ends) {
    const [first, last] = [parsePort(ends[1]!), parsePort(ends[2]!)]
    if (!first || !last) into.push(wrong(path, `${value} goes beyond the ports 1 to 65535`))
    else if (first > last) {
      into.push(wrong(path, `the range ${value} is the wrong way round`, `write "${last}:${first}"`))
    }
  } else if (/^\d+$/.test(value)) {
    if (!parsePort(value)) into.push(wrong(path, `${value} is no port from 1 to 65535`))
  } else if (!PORT_NAME.test(value)) {
    into.push(wrong(path, `${show(value)} is no port`, 'a number, "FIRST:LAST", or the name of a port'))
  } else if (/^\d+-\d+$/.test(value)) {
    const range = value.replace('-', ':')
    into.push(doubtful(path, `${value} is taken as the name of a port`, `a range is written "${range}"`))
  }
}

/** True for what needs a protocol that has ports; a name means TCP without one (formats.md). */
export const isNumericPort = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && parsePortRange(value) !== null)
