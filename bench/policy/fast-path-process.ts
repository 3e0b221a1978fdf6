// Puts the fast path on devices of the namespace that it runs in, opens it and leaves it there. Asked for on its input.
import {readFileSync} from 'node:fs'
import {createFastPath} from '../../src/apply/index.ts'
import type {PortRange} from '../../src/net/index.ts'

export interface Asked {
  /** Names of devices. */
  readonly devices: readonly string[]
  /** What it judges each packet by; without it flows are trusted. */
  readonly judge: {
    readonly sets: readonly (readonly [name: string, elements: readonly (readonly [string, string])[]])[]
    readonly ports: readonly (readonly [target: number, ranges: readonly PortRange[]])[]
  } | null
}

const {devices, judge} = JSON.parse(readFileSync(0, 'utf8')) as Asked
const fastPath = createFastPath({trusts: judge === null})
if (fastPath.missing !== null) throw new Error(fastPath.missing)
await fastPath.follow(devices.map((name) => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))))
if (judge) {
  await fastPath.loadJudgement(new Map(judge.sets.map(([name, elements]) => [name, {elements: new Map(elements)}])))
  fastPath.setPorts(new Map(judge.ports))
  if (!fastPath.judges()) throw new Error('what is to be judged by does not fit')
}
fastPath.open()
fastPath.close()
