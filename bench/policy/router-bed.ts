import {type ChildProcess, spawn} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {availableParallelism, tmpdir} from 'node:os'
import path from 'node:path'
import {createNamespace, type Namespace} from '../../test/support/namespace.ts'
import {NEAR_SIDE, TUNNEL} from './gateway-table.ts'
import type {SendPlan, SentRound} from './packet-source.ts'

const ROUTER_MAC = '02:00:00:00:00:02'
const RECEIVER_MAC = '02:00:00:00:00:03'
const NEXT_HOP = '198.51.100.2'
const SOURCE = path.resolve(import.meta.dirname, 'packet-source.ts')

/** Sender and receiver with any number of ways between them, each in its own namespaces and with its own wires. */
export interface RouterBed {
  readonly sender: Namespace
  readonly receiver: Namespace
  /** Devices of sender and receiver, in the order of `names`. */
  readonly wires: readonly Wires[]
  /** Makes whatever stands between two devices that it makes too; the receiver's has `RECEIVER_MAC`. */
  addWay(name: string, frames: Buffer, build: (wires: Wires) => readonly Namespace[], silent?: boolean): void
  /** Makes a router; `load` puts its ruleset in force. `silent`: it lets nothing through, and none is waited for. */
  add(name: string, frames: Buffer, load: (namespace: Namespace) => void, silent?: boolean): void
  readonly names: readonly string[]
  /** Rounds as orders of routers; every round sends the next `flows` frames of each router, so often. */
  send(sending: Sending): Promise<readonly SentRound[]>
  close(): void
}

/** Devices that do not exist yet, of one way. */
export interface Wires {
  readonly index: number
  readonly near: string
  readonly far: string
}

export interface Sending extends Pick<SendPlan, 'rounds' | 'flows' | 'packetsOfFlow' | 'slices'> {
  /** Routers that are sent fewer of the frames, by name. */
  readonly fewer?: ReadonlyMap<string, number>
}

/**
 * One core sends, the other one routes and counts.
 *
 * The router's receive queue is steered (RPS) to the second core, where the packet is forwarded, handed to the
 * receiver's device and dropped there by its ingress hook. The sender's socket holds some 270 frames on the way at most
 * and then is refused more, so nothing is lost, the router's core never rests, and the time of a round is the router's.
 */
export function createRouterBed(): RouterBed {
  if (availableParallelism() < 2) throw new Error('needs two cores: one to send, one to route')
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-bench-'))
  const sender = createNamespace('sender')
  const receiver = createNamespace('receiver')
  for (const {run} of [sender, receiver]) run('sysctl -qw net.ipv6.conf.all.disable_ipv6=1')
  // Its /proc/PID/net/dev is the receiver's.
  const resident: ChildProcess = spawn('ip', ['netns', 'exec', receiver.name, 'sleep', 'infinity'], {stdio: 'ignore'})
  const routers: (Omit<SendPlan['routers'][number], 'flows'> & {
    readonly name: string
    readonly namespaces: readonly Namespace[]
  })[] = []

  return {
    sender,
    receiver,

    get wires() {
      return routers.map(({near, far}, index) => ({index, near, far}))
    },

    get names() {
      return routers.map(({name}) => name)
    },

    add(name, frames, load, silent = false) {
      const build = ({index, near, far}: Wires): Namespace[] => {
        const namespace = createNamespace(`router${index}`)
        namespace.run(`ip link add ${near} netns ${sender.name} type veth peer name ${NEAR_SIDE}
          ip link add ${far} netns ${receiver.name} type veth peer name ${TUNNEL}
          sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \\
            net.ipv4.conf.${NEAR_SIDE}.rp_filter=0
          ip link set ${NEAR_SIDE} address ${ROUTER_MAC} up
          ip link set ${TUNNEL} up
          ip address add 198.51.100.1/30 dev ${TUNNEL}
          ip neighbour add ${NEXT_HOP} lladdr ${RECEIVER_MAC} dev ${TUNNEL} nud permanent
          ip route add 10.0.0.0/8 via ${NEXT_HOP}
          ${steered(NEAR_SIDE)}`)
        load(namespace)
        return [namespace]
      }
      this.addWay(name, frames, build, silent)
    },

    addWay(name, frames, build, silent = false) {
      const index = routers.length
      const [near, far] = [`near${index}`, `far${index}`]
      const namespaces = build({index, near, far})
      sender.run(`ip link set ${near} up`)
      receiver.run(`ip link set ${far} address ${RECEIVER_MAC} up; nft -f -`, counterOf(far))
      const file = path.join(folder, `frames-${index}`)
      writeFileSync(file, frames)
      routers.push({name, namespaces, near, far, frames: file, silent})
    },

    async send({fewer, ...sending}) {
      const receiverDevices = `/proc/${resident.pid}/net/dev`
      const sent = routers.map((router) => ({...router, flows: fewer?.get(router.name) ?? sending.flows}))
      return await runSource(sender.name, {...sending, receiverDevices, routers: sent})
    },

    close() {
      resident.kill('SIGKILL')
      for (const namespace of routers.flatMap(({namespaces}) => namespaces)) namespace.remove()
      sender.remove()
      receiver.remove()
      rmSync(folder, {recursive: true})
    },
  }
}

export const routerMac = ROUTER_MAC
export const receiverMac = RECEIVER_MAC

/** What a device receives is dealt with on the second core. */
export const steered = (device: string): string => `echo 2 > /sys/class/net/${device}/queues/rx-0/rps_cpus`

const counterOf = (device: string): string => `table netdev ${device} {
  chain arrived {
    type filter hook ingress device ${device} priority 0; policy drop;
    counter
  }
}
`

function runSource(namespace: string, plan: SendPlan): Promise<readonly SentRound[]> {
  return new Promise((resolve, reject) => {
    const args = ['netns', 'exec', namespace, 'taskset', '-c', '0', process.execPath, ...process.execArgv, SOURCE]
    const child = spawn('ip', args, {stdio: ['pipe', 'pipe', 'inherit']})
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`the packet source ended with status ${code}`))
      resolve(
        said
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as SentRound),
      )
    })
    child.stdin.end(JSON.stringify(plan, (key, value) => (key === 'namespaces' ? undefined : value)))
  })
}
