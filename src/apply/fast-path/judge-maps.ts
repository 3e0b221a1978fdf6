import {type ActualNftSet, concatSeparator, MOST_PORT_RANGES, type UdpPorts} from '../../model/index.ts'
import {AddressTexts} from '../../net/index.ts'
import {addressBytes, classNumber} from '../nft/element-texts.ts'
import {type Bpf, MAP_TYPE, type MapShape} from './bpf.ts'
import {type JudgeFds, PORTS_BYTES} from './judging.ts'

/** Beyond these the rules judge alone. */
const MOST = {class4: 262_144, class6: 131_072, pairs: 524_288, judge_sources: 32_768, judge_destinations: 32_768}
const MOST_TARGETS = 32_768
/** Elements a call, so that others have their turn. */
const BATCH = 4096

type Encode = (text: string) => Buffer | null

/** Numbers are as the processor has them, addresses as packets have them. */
const number32: Encode = (text) => encode32(Number(text))
const class32: Encode = (text) => encode32(classNumber(text))
const pairOf: Encode = (text) => {
  const [source, destination] = text.split(concatSeparator)
  return Buffer.concat([encode32(Number(source)), encode32(classNumber(destination!))])
}

function encode32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

type SetName = keyof typeof MOST
const KEYS: Readonly<Record<SetName, {readonly bytes: number; readonly encode: Encode}>> = {
  class4: {bytes: 4, encode: addressBytes},
  class6: {bytes: 16, encode: addressBytes},
  pairs: {bytes: 8, encode: pairOf},
  judge_sources: {bytes: 4, encode: number32},
  judge_destinations: {bytes: 4, encode: class32},
}
const SETS = Object.keys(MOST) as SetName[]
const isJudgeSet = (name: string): name is SetName => name in MOST

/** Those of hosts once more, as the rules ask them for destinations. */
const OF_DESTINATIONS: readonly string[] = ['class4d', 'class6d']
/** Whether a change of this set is one of judgement alone, which the programs follow. */
export const isOfJudgement = (set: string): boolean => isJudgeSet(set) || OF_DESTINATIONS.includes(set)

/** The sets that packets are judged by, once more, for the programs. Elements are text, as the sets have them. */
export interface JudgeMaps {
  readonly fds: JudgeFds
  /** All of them as these sets are, empty where there is none; false: they do not fit. In small steps. */
  load(sets: ReadonlyMap<string, Pick<ActualNftSet, 'elements'>>): Generator<void, boolean>
  /** What a step changes of one of them; false: it does not fit. */
  change(
    set: string,
    change: {readonly add: ReadonlyMap<string, string>; readonly delete: ReadonlyMap<string, string>},
  ): Generator<void, boolean>
  /** False: they do not fit. */
  setPorts(ports: UdpPorts): boolean
  close(): void
}

export function createJudgeMaps(bpf: Bpf): JudgeMaps {
  const shapes = new Map<SetName, MapShape & {readonly fd: number}>()
  for (const name of SETS) {
    const shape = {name: `isthmus_${name}`.slice(0, 15), type: MAP_TYPE.hash, keyBytes: KEYS[name].bytes, valueBytes: 4}
    shapes.set(name, {...shape, most: MOST[name], fd: bpf.createMap({...shape, most: MOST[name]})})
  }
  const portShape = {
    name: 'isthmus_ports',
    type: MAP_TYPE.hash,
    keyBytes: 4,
    valueBytes: PORTS_BYTES,
    most: MOST_TARGETS,
  }
  const ports = bpf.createMap(portShape)
  const fdOf = (name: SetName): number => shapes.get(name)!.fd

  function* fill(name: SetName, elements: ReadonlyMap<string, string>): Generator<void, boolean> {
    const {fd, keyBytes} = shapes.get(name)!
    const batch = Math.min(BATCH, elements.size)
    const [keys, values] = [Buffer.alloc(batch * keyBytes), Buffer.alloc(batch * 4)]
    let [count, fits] = [0, true]
    const put = (): void => {
      if (count > 0 && fits) fits = bpf.updateAll(fd, count, keys, values)
      count = 0
    }
    if (elements instanceof AddressTexts && name === 'class4') {
      yield* elements.walkFours(Number, (address, value) => {
        keys.writeUInt32BE(address, 4 * count)
        values.writeUInt32LE(value, 4 * count++)
        if (count === batch) put()
      })
    } else {
      for (const [text, value] of elements) {
        const key = KEYS[name].encode(text)
        if (key?.length !== keyBytes) return false
        key.copy(keys, count * keyBytes)
        values.writeUInt32LE(Number(value), 4 * count++)
        if (count < batch) continue
        put()
        yield
      }
    }
    put()
    return fits
  }

  function* empty(fd: number, shape: Pick<MapShape, 'keyBytes' | 'valueBytes'>): Generator<void, void> {
    while (bpf.takeSome(fd, shape)) yield
  }

  return {
    fds: {
      hosts: {4: fdOf('class4'), 6: fdOf('class6')},
      ...{pairs: fdOf('pairs'), sources: fdOf('judge_sources'), destinations: fdOf('judge_destinations'), ports},
    },

    *load(sets) {
      for (const [name, shape] of shapes) {
        yield* empty(shape.fd, shape)
        const elements = sets.get(name)?.elements
        if (elements && !(yield* fill(name, elements))) return false
      }
      return true
    },

    *change(set, {add, delete: gone}) {
      if (!isJudgeSet(set)) return true
      const {encode} = KEYS[set]
      for (const text of gone.keys()) {
        if (add.has(text)) continue
        const key = encode(text)
        if (key === null) return false
        bpf.delete(fdOf(set), key)
        yield
      }
      return yield* fill(set, add)
    },

    setPorts(udp) {
      for (const _ of empty(ports, portShape));
      const [keys, values] = [Buffer.alloc(4 * udp.size), Buffer.alloc(PORTS_BYTES * udp.size)]
      let at = 0
      for (const [target, ranges] of udp) {
        keys.writeUInt32LE(target, 4 * at)
        for (let index = 0; index < MOST_PORT_RANGES; index++) {
          // A place that is free holds no port.
          const {first, last} = ranges[index] ?? {first: 1, last: 0}
          values.writeUInt16LE(first, PORTS_BYTES * at + 4 * index)
          values.writeUInt16LE(last, PORTS_BYTES * at + 4 * index + 2)
        }
        at++
      }
      return udp.size === 0 || bpf.updateAll(ports, udp.size, keys, values)
    },

    close() {
      for (const {fd} of shapes.values()) bpf.close(fd)
      bpf.close(ports)
    },
  }
}
