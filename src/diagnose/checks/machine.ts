import {type Check, eachOf, type Found, given, type Judged, nothing} from '../check.ts'
import type {DiskFacts, Facts, ProcessFacts} from '../facts.ts'

const MIB = 1 << 20
const DISK_SHARE = 0.05
const DISK_BYTES = 16 * MIB
/** The daemon writes files anew beside the old ones. */
const FEW_FILES = 16
const MEMORY_SHARE = 0.05
const FILES_SHARE = 0.8
/** Certificates and leases are judged by the clock; etcd tells the time in whole seconds. */
const CLOCK_SECONDS = 5

/** Bit numbers of linux/capability.h. */
const CAPABILITIES = {CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n} as const
/** Probes are the prober's, which has CAP_NET_RAW (decision 0198). */
const NEEDED_BY = {
  daemon: ['CAP_NET_ADMIN'],
  bird: ['CAP_NET_ADMIN', 'CAP_NET_RAW'],
} as const

export const MACHINE_CHECKS: readonly Check[] = [
  {
    code: 'gateway-unreachable',
    theme: 'machine',
    looksAt: 'whether the daemon answers on its socket',
    judge: ({gateway, config}) => {
      if (gateway.ok) {
        const {ready, waitingFor} = gateway.value
        const state = ready ? 'ready' : `not ready yet, waits for ${waitingFor ?? 'its first pass'}`
        return {evidence: [`${config.paths.run}/api.sock answers: ${state}`], found: []}
      }
      const detail = `no gateway answers: ${gateway.why}`
      const remedy = '`systemctl status isthmus` and its journal; traffic goes on as it was meanwhile'
      return {evidence: [], found: [{severity: 'error', where: {source: 'gateway'}, detail, remedy}]}
    },
  },
  {
    code: 'capability-missing',
    theme: 'machine',
    looksAt: 'what the daemon and BIRD may do',
    follows: ['gateway-unreachable', 'bird-unreachable'],
    judge: ({machine}) => {
      const parts = (['daemon', 'bird'] as const).map((name) => judgeCapabilities(name, machine[name]))
      return together(parts)
    },
  },
  {
    code: 'open-files-low',
    theme: 'machine',
    looksAt: 'how many files and sockets the daemon has open, of how many it may',
    follows: ['gateway-unreachable'],
    judge: ({machine}) =>
      given(machine.daemon, ({pid, openFiles, mostOpenFiles}) => {
        const evidence = [`process ${pid}: ${openFiles} open, ${mostOpenFiles} at most`]
        if (openFiles < mostOpenFiles * FILES_SHARE) return {evidence, found: []}
        const detail = `the daemon has ${openFiles} files and sockets open, of ${mostOpenFiles} that it may`
        const remedy = '`LimitNOFILE=65536` in its unit, and start it again'
        return {evidence, found: [{severity: 'error', where: {source: 'machine'}, detail, remedy}]}
      }),
  },
  {
    code: 'program-missing',
    theme: 'machine',
    looksAt: 'programs that the gateway runs or is watched with',
    judge: ({machine}) =>
      eachOf([...machine.programs], 'none', ([name, path]) => ({
        evidence: `${name}: ${path ?? 'not found'}`,
        found:
          path === null
            ? {
                severity: 'error',
                where: {source: 'machine', key: name},
                detail: `no ${name} in PATH that can be run: ${WITHOUT[name] ?? 'it is needed'}`,
                remedy: `apt-get install ${PACKAGES[name] ?? name}`,
              }
            : null,
      })),
  },
  {
    code: 'memory-low',
    theme: 'machine',
    looksAt: 'memory that is left',
    judge: ({machine}) =>
      given(machine.memory, ({availableBytes, totalBytes}) => {
        const evidence = [`${mib(availableBytes)} of ${mib(totalBytes)} MiB left`]
        if (availableBytes >= totalBytes * MEMORY_SHARE) return {evidence, found: []}
        const detail = `${mib(availableBytes)} MiB of memory are left: the kernel will soon end a process`
        const remedy = '`ps aux --sort -rss | head`: what uses it? A gateway needs 1.5 GiB for a million endpoints'
        return {evidence, found: [{severity: 'error', where: {source: 'machine'}, detail, remedy}]}
      }),
  },
  disk('disk-nearly-full', 'room on the disks of state and configuration', ({freeBytes, totalBytes}, {path, what}) =>
    freeBytes >= Math.min(totalBytes * DISK_SHARE, DISK_BYTES)
      ? null
      : {
          detail: `${mib(freeBytes)} of ${mib(totalBytes)} MiB are left where ${what} lies (${path})`,
          remedy: `\`du -xh ${path} | sort -h | tail\`; what cannot be written is not remembered over a restart`,
        },
  ),
  disk('inodes-low', 'how many more files the disks can hold', ({freeInodes, totalInodes}, {path, what}) =>
    totalInodes === 0 || freeInodes >= FEW_FILES
      ? null
      : {
          detail: `${freeInodes} more files fit where ${what} lies (${path})`,
          remedy: `\`df -i ${path}\`; remove files that nobody needs, or make the disk larger`,
        },
  ),
  {
    ...disk(
      'state-not-writable',
      'whether the folders of state and configuration can be written',
      (seen, {path, what}) =>
        seen.refusesWrites === null
          ? null
          : {
              detail: `${path}, where ${what} lies, cannot be written: ${seen.refusesWrites}`,
              remedy: 'is its disk mounted read-only (`findmnt -T`, `dmesg`)? The daemon must own the folder',
            },
    ),
    // The daemon says the same of a disk that is full.
    follows: ['disk-nearly-full', 'inodes-low'],
  },
  {
    code: 'clock-differs',
    theme: 'machine',
    looksAt: 'the clock, beside those of every etcd',
    judge: ({clocks}) =>
      given(clocks, (all) => {
        const judged = eachOf(all, 'no etcd tells the time', ({source, seen}) => {
          if (!seen.ok) return {evidence: `${source}: not looked at: ${seen.why}`}
          const seconds = Math.round(seen.value)
          if (Math.abs(seen.value) < CLOCK_SECONDS)
            return {evidence: `${source}: no more than ${CLOCK_SECONDS} s apart`}
          const found: Found = {
            severity: 'error',
            where: {source},
            detail: `its clock is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} this one: certificates and ages are judged wrongly`,
            remedy: 'which of the two is wrong? `chronyc tracking` or `timedatectl` on both',
          }
          return {evidence: `${source}: ${seconds} s`, found}
        })
        const none = all.length > 0 && all.every(({seen}) => !seen.ok)
        return none
          ? {notLooked: all.map(({source, seen}) => `${source}: ${seen.ok ? '' : seen.why}`).join('; ')}
          : judged
      }),
  },
]

const WITHOUT: Readonly<Record<string, string>> = {
  fping: 'tunnels are not measured, and a path MTU that shrinks is not noticed',
  keepalived: 'addresses of the LAN do not move to the other gateway',
  conntrackd: 'flow states are not shared with the other gateway',
}
const PACKAGES: Readonly<Record<string, string>> = {ip: 'iproute2', nft: 'nftables'}

const mib = (bytes: number): number => Math.floor(bytes / MIB)

function judgeCapabilities(name: 'daemon' | 'bird', seen: Facts['machine']['bird']): Judged {
  return given(seen, ({pid, capabilities}: ProcessFacts) => {
    const lacks = NEEDED_BY[name].filter((capability) => ((capabilities >> CAPABILITIES[capability]) & 1n) === 0n)
    const who = name === 'daemon' ? 'the daemon' : 'BIRD'
    const evidence = [
      `${who}, process ${pid}: ${lacks.length === 0 ? 'has what it needs' : `lacks ${lacks.join(', ')}`}`,
    ]
    const found = lacks.map(
      (capability): Found => ({
        ...{severity: 'error', where: {source: 'machine', key: name}},
        detail: `${who} (process ${pid}) has no ${capability}`,
        remedy: `as root, or \`AmbientCapabilities=${NEEDED_BY[name].join(' ')}\` in its unit`,
      }),
    )
    return {evidence, found}
  })
}

/** One that cannot be looked at does not hide the other. */
function together(parts: readonly Judged[]): Judged {
  const looked = parts.flatMap((part) => ('notLooked' in part ? [] : [part]))
  const reasons = parts.flatMap((part) => ('notLooked' in part ? [part.notLooked] : []))
  if (reasons.length > 0 && looked.every(({found}) => found.length === 0)) return {notLooked: reasons.join('; ')}
  return {
    evidence: [...looked.flatMap(({evidence}) => evidence), ...reasons.map((why) => `not looked at: ${why}`)],
    found: looked.flatMap(({found}) => found),
  }
}

type DiskSeen = Extract<DiskFacts['seen'], {ok: true}>['value']

function disk(
  code: Check['code'],
  looksAt: string,
  judge: (seen: DiskSeen, facts: DiskFacts) => {detail: string; remedy: string} | null,
): Check {
  return {
    ...{code, theme: 'machine', looksAt},
    judge: ({machine}) => {
      if (machine.disks.length === 0) return nothing('no folder')
      return together(
        machine.disks.map((facts) =>
          given(facts.seen, (seen) => {
            const wrong = judge(seen, facts)
            const where = {source: 'machine', key: facts.path}
            return {
              evidence: [
                `${facts.path}: ${mib(seen.freeBytes)} of ${mib(seen.totalBytes)} MiB, ${seen.freeInodes} of ${seen.totalInodes} files left`,
              ],
              found: wrong ? [{severity: 'error', where, ...wrong}] : [],
            }
          }),
        ),
      )
    },
  }
}
