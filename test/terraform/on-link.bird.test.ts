import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

const SCRIPT = path.resolve(import.meta.dirname, '../../terraform/modules/gcp/on-link.sh')

const CONFIG = `router id 10.2.0.10;
protocol device {}
protocol static pods { ipv4; route 10.2.64.0/18 via 10.2.0.1; }
`

/** As Google Cloud sets a machine up: its address a /32, a route to the router, all else by that. */
const MACHINE = `set -e
ip link set lo up
ip link add ens4 type veth peer name fabric
ip link set ens4 up; ip link set fabric up
ip address add 10.2.0.10/32 dev ens4
ip route add 10.2.0.1 dev ens4 scope link
ip route add default via 10.2.0.1 dev ens4
bird -c bird.conf -s bird.ctl -P bird.pid
shown() { for i in 1 2 3 4 5 6 7 8 9 10; do birdc -s bird.ctl show route 2>&1 | grep via && return; sleep 0.2; done; echo none; }
shown
SCRIPT env
birdc -s bird.ctl configure >/dev/null
shown
SCRIPT env
ip -o route
kill $(cat bird.pid)
`

describe('on-link.sh of module gcp', () => {
  it('BIRD takes the router as a next hop, and no other route comes of it', () => {
    const work = mkdtempSync(path.join(tmpdir(), 'isthmus-on-link-'))
    try {
      writeFileSync(path.join(work, 'bird.conf'), CONFIG)
      writeFileSync(path.join(work, 'env'), "ADDRESS='10.2.0.10/20'\nROUTER='10.2.0.1'\n")
      const machine = MACHINE.replaceAll('SCRIPT env', `${SCRIPT} ${work}/env`)
      const said = execFileSync('unshare', ['--net', 'sh', '-c', machine], {
        cwd: work,
        encoding: 'utf8',
        timeout: 15_000,
      })
      assert.match(said, /^none\n\s+via 10\.2\.0\.1 on ens4\n/)
      assert.doesNotMatch(said, /10\.2\.0\.0\/20/)
    } finally {
      rmSync(work, {recursive: true, force: true})
    }
  })
})
