import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {pidsOf} from '../../../lab/parts.ts'
import {must} from '../../../lab/processes.ts'
import {setFull} from '../../../lab/site/disks.ts'
import type {World} from '../../../lab/world.ts'
import type {Breakage} from './breakage.ts'

const DIR = '/run/isthmus-lab/a1'
const STATE = join(DIR, 'state')
const YAML = join(DIR, 'gateway.yaml')
const KEY = '/run/isthmus-lab/certificates/isthmus.key'
const CERT = '/run/isthmus-lab/certificates/isthmus.pem'

const kill = (world: World): Promise<void> => world.signal('a/a1', 'isthmus', 'SIGKILL')
const start = (world: World): Promise<void> => world.start('a/a1', 'isthmus')

/** A copy of a file, changed, in the place of the file, as the diagnosis alone sees it. */
const changed = (file: string, change: string): string =>
  `t=$(mktemp); ${change} < ${file} > $t; mount --bind $t ${file}`

const WITHOUT_ADMIN = `sed 's/^CapEff:.*/CapEff: 0000000000002000/'`

/** null: a few more than it has open now. */
const limitFiles = async (world: World, limit: number | null): Promise<void> => {
  const [pid] = await pidsOf(world.namespace('a1'), 'isthmus', DIR)
  const now = readdirSync(`/proc/${pid}/fd`).length
  await must(['prlimit', '--pid', `${pid}`, `--nofile=${limit ?? now + Math.floor(now / 5)}:`])
}

let text = ''

export const MACHINE_BREAKAGES: readonly Breakage[] = [
  {code: 'gateway-unreachable', broken: kill, repaired: start, status: 3},
  // Without it nothing else would work either.
  {
    code: 'capability-missing',
    seenAs: `p=$(pgrep -f '[i]sthmusd.*${YAML}' | head -n 1); ${changed('/proc/$p/status', WITHOUT_ADMIN)}`,
  },
  {
    code: 'open-files-low',
    broken: (world) => limitFiles(world, null),
    repaired: (world) => limitFiles(world, 4096),
  },
  {code: 'program-missing', seenAs: 'mount --bind /dev/null "$(readlink -f $(command -v fping))"'},
  {code: 'memory-low', seenAs: changed('/proc/meminfo', `sed 's/^MemAvailable: .*/MemAvailable:       1000 kB/'`)},
  {
    code: 'disk-nearly-full',
    broken: () => setFull(STATE, true),
    repaired: () => setFull(STATE, false),
  },
  {
    code: 'inodes-low',
    // A folder of its own counts the files that are there.
    broken: `mount -o remount,nr_inodes=$(($(find ${STATE} | wc -l) + 3)) ${STATE}`,
    repaired: `mount -o remount,nr_inodes=100000 ${STATE}`,
  },
  {
    code: 'state-not-writable',
    seenAs: `mount -o bind ${STATE} ${STATE}; mount -o remount,bind,ro ${STATE}`,
  },
  {
    code: 'clock-differs',
    seenAs: `export LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) FAKETIME=+1h FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1`,
  },
  {code: 'config-writable-by-others', broken: `chmod o+w ${YAML}`, repaired: `chmod o-w ${YAML}`},
  {
    code: 'config-not-in-force',
    seenAs: changed(YAML, `sed '$a # another'`),
  },
  {
    code: 'config-unknown-key',
    name: 'a file that is refused; the rest is looked at by what is in force',
    broken: async () => {
      text = readFileSync(YAML, 'utf8')
      writeFileSync(YAML, `${text}colour: blue\n`)
    },
    repaired: async () => writeFileSync(YAML, text),
  },
  {
    code: 'socket-open',
    name: 'the daemon’s',
    broken: `chmod o+rw ${DIR}/api.sock`,
    repaired: `chmod o-rw ${DIR}/api.sock`,
  },
  {code: 'socket-open', name: 'BIRD’s', broken: `chmod o+rw ${DIR}/bird.ctl`, repaired: `chmod o-rw ${DIR}/bird.ctl`},
  {code: 'state-open', broken: `chmod o+rx ${STATE}/known`, repaired: `chmod o-rx ${STATE}/known`},
  {code: 'certificate-key-open', broken: `chmod o+r ${KEY}`, repaired: `chmod o-r ${KEY}`},
  {
    code: 'certificate-unreadable',
    seenAs: changed(CERT, 'head -c 20'),
    also: ['certificate-refused', 'etcd-unreachable'],
  },
  {
    code: 'certificate-key-mismatch',
    seenAs: `mount --bind /run/isthmus-lab/certificates/isthmus-remote.key ${KEY}`,
    also: ['certificate-refused', 'etcd-unreachable'],
  },
]
