import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {type SystemdMachine, startSystemdMachine, systemdMachineMissing} from '../support/systemd-machine.ts'
import {B_PATHS, gatewayYaml, NETWORK, NO_7777, OTHER_GATEWAY, SMALL_VAR, USUAL_VAR} from './package-network.ts'
import {fpingsOf, proberIsApart} from './package-prober.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** All that a package could leave, but what other programs write as they run, some of them by a timer at midnight. */
const FILES =
  'find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /work -o -path /root -o -path /var/log -o -path /var/tmp ' +
  '-o -path /var/backups -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/logrotate -o -path /var/lib/systemd ' +
  '-o -path /etc/.pwd.lock \\) -prune -o -print | sort'

const GREETING = 'appliance/image/files/usr/lib/systemd/system/isthmus.service.d/greeting.conf'

/** As a getty shows it; it wants a terminal. */
const ISSUE = "script -qec 'agetty --show-issue' /dev/null"

const NAMED = (version: string): string => `isthmus_${version}_${process.arch === 'arm64' ? 'arm64' : 'amd64'}.deb`

/** Waits until it no longer throws. */
async function settles(claim: () => void, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs
  for (;;) {
    try {
      return claim()
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await delay(300)
  }
}

/**
 * The package's whole life in a machine of its own, under systemd: a gateway `a` from the package, and across a network a
 * gateway `b` that is only there to be joined, each with an etcd, a BIRD and one host behind it.
 */
describe('the Debian package, in a machine with systemd', function () {
  this.timeout(300_000)
  this.bail(true)
  let machine: SystemdMachine
  let folder: string
  let filesBefore: string
  const built = new Map<string, Buffer>()

  const build = (version: string, output = folder): Buffer => {
    const words = ['scripts/deb.mjs', '--version', version, '--output', output, '--skip-build']
    const {status, stderr} = spawnSync(process.execPath, words, {
      cwd: ROOT,
      encoding: 'utf8',
      env: {...process.env, SOURCE_DATE_EPOCH: '1767322800'},
    })
    assert.equal(status, 0, stderr)
    return readFileSync(join(output, NAMED(version)))
  }
  const property = (unit: string, name: string): string =>
    machine.run(`systemctl show -p ${name} --value ${unit}`).trim()
  const statusOfProcess = (pid: string, field: string): string =>
    machine.run(`sed -n 's/^${field}:\\s*//p' /proc/${pid}/status`).trim()
  const isReady = (): boolean => /: ready/.test(machine.attempt('isthmus status').stdout)

  before(async function (this: Mocha.Context) {
    const missing = systemdMachineMissing()
    if (missing !== null) {
      process.stderr.write(`${missing}\n`)
      this.skip()
    }
    folder = mkdtempSync(join(tmpdir(), 'isthmus-package-'))
    spawnSync(process.execPath, ['scripts/build.mjs'], {cwd: ROOT})
    for (const version of ['0.1.0', '0.1.1']) built.set(version, build(version))
    machine = await startSystemdMachine()
    for (const [version, content] of built) machine.run(`cat >/tmp/isthmus_${version}.deb`, content)
    // Of the image, which starts from this package; Debian's own folder, so that the package leaves no file.
    machine.run('mkdir -p /etc/issue.d /run/systemd/system/isthmus.service.d')
    machine.run(`cat >/run/systemd/system/isthmus.service.d/greeting.conf`, readFileSync(join(ROOT, GREETING)))
    // BIRD as its own package leaves it; an etcd that Ubuntu's package started has the ports of those here.
    machine.run('systemctl enable --now bird.service 2>/dev/null || true; systemd-sysusers --version >/dev/null')
    machine.run('systemctl disable --now etcd.service 2>/dev/null || true')
    filesBefore = machine.run(FILES)
  })
  after(() => {
    machine?.stop()
    if (folder) rmSync(folder, {recursive: true, force: true})
  })

  it('equal sources give equal bytes', () => {
    const again = build('0.1.1', join(folder, 'again'))
    const hash = (content: Buffer) => createHash('sha256').update(content).digest('hex')
    assert.equal(hash(again), hash(built.get('0.1.1')!))
  })

  it('installs, says that nothing is configured, and the daemon refuses with that sentence', async () => {
    const said = machine.attempt('dpkg -i /tmp/isthmus_0.1.0.deb 2>&1')
    assert.equal(said.status, 0, said.stdout)
    assert.match(said.stdout, /nothing is configured yet: isthmus setup, or write \/etc\/isthmus\/gateway\.yaml/)
    assert.equal(property('isthmus', 'ActiveState'), 'inactive')
    machine.run('systemctl start isthmus')
    await settles(() => assert.equal(property('isthmus', 'ActiveState'), 'failed'), 20_000)
    // Another start would change nothing.
    assert.equal(property('isthmus', 'NRestarts'), '0')
    assert.match(machine.run('journalctl -u isthmus --no-pager'), /nothing is configured yet/)
    assert.match(machine.run('isthmus version'), /^isthmus /)
  })

  it('the console of the image says so; isthmus setup writes what the daemon may read, and nobody else', async () => {
    await settles(() => assert.match(machine.run(ISSUE), /not configured yet: isthmus setup/), 5000)
    machine.run('chmod 0600 /etc/isthmus/gateway.yaml; chgrp root /etc/isthmus/gateway.yaml')
    const refused = machine.attempt('isthmus setup --site a --owns 10.1.0.1/16')
    assert.match(refused.stderr, /--owns: "10\.1\.0\.1\/16" is not a prefix/)
    const said = machine.run(
      'echo "{site: a, gateway: a1, owns: [10.1.0.0/16], address: 192.0.2.1}" | isthmus setup --answers -',
    )
    assert.match(
      said,
      /gateway a1 of site a, written and checked\nnext:\n {2}isthmus site init --server a1=192\.0\.2\.1 /,
    )
    assert.equal(machine.run('stat -c "%U %G %a" /etc/isthmus/gateway.yaml').trim(), 'root isthmus 640')
    machine.run('setpriv --reuid isthmus --regid isthmus --clear-groups isthmus check')
  })

  it('BIRD runs as its own user, with what it needs only', async () => {
    await settles(() => assert.equal(property('bird', 'ActiveState'), 'active'), 5000)
    const pid = property('bird', 'MainPID')
    assert.equal(machine.run(`stat -c %U /proc/${pid}`).trim(), 'bird')
    // CAP_NET_BIND_SERVICE 10, CAP_NET_ADMIN 12, CAP_NET_RAW 13.
    assert.equal(Number.parseInt(statusOfProcess(pid, 'CapBnd'), 16), 2 ** 10 + 2 ** 12 + 2 ** 13)
  })

  it('before the gateway runs nothing is forwarded; its own table takes that one away', async () => {
    machine.run(NETWORK)
    machine.run('nft delete table inet isthmus_base 2>/dev/null || true; systemctl restart isthmus-base')
    assert.match(machine.run('nft list table inet isthmus_base'), /hook forward priority filter; policy drop/)
    machine.run('sysctl -q net.ipv4.ip_forward=1')
    assert.equal(machine.attempt('ip netns exec near ping -c 2 -i 0.2 -W 1 192.0.2.2').status, 1)
    machine.run('sysctl -q net.ipv4.ip_forward=0')

    machine.run('cat >/etc/isthmus/gateway.yaml', gatewayYaml('a', ''))
    machine.run('cat >/tmp/b/gateway.yaml', gatewayYaml('b', B_PATHS))
    machine.run('isthmus check; systemctl start isthmus')
    machine.run(OTHER_GATEWAY)
    await settles(
      () => assert.ok(isReady(), machine.attempt('isthmus status; journalctl -u isthmus -n 20').stdout),
      40_000,
    )
    assert.doesNotMatch(machine.run('nft list tables'), /isthmus_base/)
    assert.doesNotMatch(machine.run(ISSUE), /isthmus/)
    machine.run('systemctl restart isthmus-base')
    assert.doesNotMatch(machine.run('nft list tables'), /isthmus_base/, 'the gateway judges already')
  })

  it('as user isthmus with CAP_NET_ADMIN and CAP_BPF alone it has joined, forwards, and measures its tunnel', async () => {
    const pid = property('isthmus', 'MainPID')
    assert.equal(machine.run(`stat -c %U /proc/${pid}`).trim(), 'isthmus')
    // CAP_NET_ADMIN 12, CAP_BPF 39.
    const few = 2 ** 12 + 2 ** 39
    for (const set of ['CapEff', 'CapPrm', 'CapAmb']) {
      assert.equal(Number.parseInt(statusOfProcess(pid, set), 16), few, set)
    }
    assert.equal(Number.parseInt(statusOfProcess(pid, 'CapBnd'), 16), few)
    assert.equal(statusOfProcess(pid, 'Seccomp'), '2')
    assert.equal(statusOfProcess(pid, 'NoNewPrivs'), '1')
    await settles(() => assert.equal(machine.attempt('ip netns exec near ping -c 1 -W 1 10.2.0.2').status, 0), 40_000)
    await settles(() => {
      const [tunnel] = JSON.parse(machine.run('isthmus get tunnels -o json'))
      assert.equal(tunnel.up, true)
      // Of either size, in the sandbox.
      for (const size of ['small', 'full']) assert.ok(tunnel.probes[size].passedInRow > 0, JSON.stringify(tunnel))
    }, 40_000)
    const {fastPath} = JSON.parse(machine.run('isthmus status -o json')).nft
    assert.equal(fastPath.missing, null, 'bpf(2) in the sandbox')
    assert.ok(fastPath.devices > 0, JSON.stringify(fastPath))
    const errors = machine.run('isthmus get findings -o json')
    assert.deepEqual(
      JSON.parse(errors).filter(({code}: {code: string}) => code !== 'datastore-insecure'),
      [],
      errors,
    )
  })

  it('its probes are run by a unit of their own, as another user with CAP_NET_RAW alone, and end with it', () =>
    proberIsApart(machine, {settles, isReady, statusOfProcess}))

  it('the daemon may read the certificates that root makes for it, and none of the others', () => {
    machine.run('isthmus site init --site a --server m1=192.0.2.1')
    const asDaemon = (file: string) =>
      machine.attempt(`setpriv --reuid isthmus --regid isthmus --clear-groups cat /etc/isthmus/tls/${file}`).status
    assert.deepEqual(['ca.pem', 'gateway.pem', 'gateway.key'].map(asDaemon), [0, 0, 0])
    assert.deepEqual(['ca.key', 'admin.key', 'etcd-m1.key'].map(asDaemon), [1, 1, 1])
    assert.equal(machine.attempt('setpriv --reuid nobody --clear-groups cat /etc/isthmus/tls/gateway.key').status, 1)
  })

  it('reads secrets that systemd hands it, which nobody else may', () => {
    machine.run(`printf secret >/tmp/wan1; chmod 600 /tmp/wan1; mkdir -p /etc/systemd/system/isthmus.service.d
      printf '[Service]\\nLoadCredential=wan1:/tmp/wan1\\n' >/etc/systemd/system/isthmus.service.d/secret.conf
      systemctl daemon-reload; systemctl restart isthmus`)
    const read = (user: string) =>
      machine.attempt(`setpriv --reuid ${user} --clear-groups cat /run/credentials/isthmus.service/wan1`)
    assert.equal(read('isthmus').stdout, 'secret')
    assert.equal(read('nobody').status, 1)
    machine.run('rm -r /etc/systemd/system/isthmus.service.d; systemctl daemon-reload; systemctl restart isthmus')
  })

  it('nothing answers outside but what the configuration says', () => {
    const scan = `const net = require('node:net')
      const open = []
      let next = 1
      const one = (done) => {
        if (next > 65535) return done()
        const port = next++
        const socket = net.connect({host: '192.0.2.1', port, timeout: 2000})
        const end = () => { socket.destroy(); one(done) }
        socket.once('connect', () => { open.push(port); end() }).once('error', end).once('timeout', end)
      }
      Promise.all(Array.from({length: 200}, () => new Promise(one))).then(() => console.log(open.sort((a, b) => a - b).join()))`
    const open = machine.run(`ip netns exec wan /tmp/b/node -e "$(cat)"`, scan).trim()
    // etcd is this test's own, at that address. BIRD hangs up on whoever is no neighbour of its.
    assert.equal(open, '179,2379')
    const listening = machine.run('ss -Hlntup').split('\n')
    const ours = listening.filter((line) => /"(?:isthmus|node|MainThread|bird|fping)"/.test(line))
    const ports = ours.map((line) => /:(\d+)$/.exec(line.trim().split(/\s+/)[4]!)?.[1])
    // BGP; BFD, whose sockets for what it sends have ports of their own.
    for (const port of ports)
      assert.ok(['179', '3784', '4784'].includes(port!) || Number(port) >= 32768, ours.join('\n'))
    assert.ok(!ours.some((line) => line.startsWith('tcp') && !line.includes('"bird"')), 'only BIRD takes connections')
  })

  it('a full /var: it forwards on, takes policies, says so, refuses changes whole, starts, and goes on with room', async () => {
    machine.run(SMALL_VAR)
    await settles(() => assert.ok(isReady()), 40_000)
    machine.run(
      'systemd-run -q --unit=flow0 -p StandardOutput=file:/tmp/flow0 -p StandardError=file:/tmp/flow0 ip netns exec near ' +
        'fping -q -p 2 -i 1 -t 2000 -c 15000 10.2.0.2; sleep 1; dd if=/dev/zero of=/tmp/small/filler bs=4k 2>/dev/null || true',
    )
    const said = (): string => machine.attempt('isthmus status').stderr
    await settles(() => assert.match(said(), /state-not-writable disk \/var\/lib\/isthmus: the disk is full/), 5000)
    assert.match(machine.attempt('isthmus diagnose').stdout, /disk-nearly-full/)

    const connects = (): number =>
      machine.attempt("ip netns exec near timeout 1 bash -c '</dev/tcp/10.2.0.2/7777' 2>/dev/null").status
    assert.equal(connects(), 1, 'refused by the host, where nobody listens')
    machine.run('isthmus apply -f - 2>&1', NO_7777)
    await settles(() => assert.equal(connects(), 124), 10_000)

    const before = machine.run('md5sum /etc/isthmus/gateway.yaml')
    machine.run('(cat /etc/isthmus/gateway.yaml; echo "infrastructure: [192.168.0.0/24]") >/tmp/other.yaml')
    const refused = machine.attempt('isthmus config apply /tmp/other.yaml')
    assert.notEqual(refused.status, 0)
    assert.match(refused.stderr, /ENOSPC/)
    assert.equal(machine.run('md5sum /etc/isthmus/gateway.yaml'), before)

    machine.run('systemctl kill -s KILL isthmus')
    await settles(() => assert.ok(isReady(), machine.attempt('journalctl -u isthmus -n 20').stdout), 30_000)
    assert.equal(connects(), 124)

    machine.run('rm /tmp/small/filler')
    await settles(() => assert.doesNotMatch(said(), /state-not-writable/), 5000)
    machine.run('isthmus delete gnp no-7777 2>&1; isthmus config apply /tmp/other.yaml && isthmus config rollback')
    assert.match(machine.run('isthmus audit'), /config/)
    await settles(() => assert.equal(connects(), 1), 10_000)
    assert.equal(machine.run("find /tmp/small -name '*.new' -o -name '*.damaged' -o -name '*.isthmus-*'"), '')
    await settles(() => assert.match(machine.run('cat /tmp/flow0'), /xmt/), 60_000)
    assert.match(machine.run('cat /tmp/flow0'), /xmt\/rcv\/%loss = 15000\/15000\/0%/)
    machine.run(USUAL_VAR)
    await settles(() => assert.ok(isReady()), 40_000)
  })

  it('upgrade and downgrade: no datagram of a forwarded flow is lost', async () => {
    const [daemon, bird] = [property('isthmus', 'MainPID'), property('bird', 'MainPID')]
    machine.run(
      'systemd-run -q --unit=flow -p StandardOutput=file:/tmp/flow -p StandardError=file:/tmp/flow ip netns exec near ' +
        'fping -q -p 2 -i 1 -t 2000 -c 10000 10.2.0.2; sleep 1',
    )
    machine.run('dpkg -i /tmp/isthmus_0.1.1.deb 2>&1')
    assert.notEqual(property('isthmus', 'MainPID'), daemon)
    assert.equal(property('bird', 'MainPID'), bird, 'BIRD runs on')
    await settles(() => assert.ok(isReady()), 20_000)
    machine.run('dpkg -i /tmp/isthmus_0.1.0.deb 2>&1')
    assert.match(machine.run('dpkg-query -W isthmus'), /\t0\.1\.0$/m)
    await settles(() => assert.ok(isReady()), 20_000)
    await settles(() => assert.match(machine.run('cat /tmp/flow'), /xmt/), 60_000)
    assert.match(machine.run('cat /tmp/flow'), /xmt\/rcv\/%loss = 10000\/10000\/0%/)
  })

  it('a version that refuses the configuration is not put in the place of the one that runs', () => {
    const daemon = property('isthmus', 'MainPID')
    machine.run('cp -p /etc/isthmus/gateway.yaml /tmp/good.yaml; sed -i s/^site:/sight:/ /etc/isthmus/gateway.yaml')
    const said = machine.run('dpkg -i /tmp/isthmus_0.1.1.deb 2>&1')
    assert.match(said, /is refused by this version/)
    assert.equal(property('isthmus', 'MainPID'), daemon)
    machine.run('cat /tmp/good.yaml >/etc/isthmus/gateway.yaml; dpkg -i /tmp/isthmus_0.1.1.deb 2>&1')
    assert.notEqual(property('isthmus', 'MainPID'), daemon)
  })

  it('isthmus upgrade: to a version that is ready, and back by itself from one that is not, nothing lost', async () => {
    const last = machine.run('isthmus version').split(' ')[1]
    machine.run('dpkg -i /tmp/isthmus_0.1.0.deb 2>&1')
    machine.run(`mkdir /tmp/packages; cd /tmp/packages; mv /tmp/isthmus_0.1.0.deb ${NAMED('0.1.0')}; mv /tmp/isthmus_0.1.1.deb ${NAMED('0.1.1')}
      dpkg-deb -R ${NAMED('0.1.1')} broken; sed -i 's/^Version:.*/Version: 0.1.2/' broken/DEBIAN/control
      echo 'process.exit(1)' >broken/usr/lib/isthmus/isthmusd.mjs; dpkg-deb -Zzstd -z1 -b broken ${NAMED('0.1.2')} >/dev/null; rm -r broken
      for file in *.deb; do sha256sum $file >$file.sha256; done`)
    assert.equal(last, '0.1.1')
    machine.run(
      'systemd-run -q --unit=flow2 -p StandardOutput=file:/tmp/flow2 -p StandardError=file:/tmp/flow2 ip netns exec near ' +
        'fping -q -p 2 -i 1 -t 2000 -c 15000 10.2.0.2; sleep 1',
    )
    const early = machine.attempt(`isthmus upgrade /tmp/packages/${NAMED('0.1.1')}`)
    assert.match(early.stderr, /no way back: isthmus upgrade --keep isthmus_0\.1\.0_/)
    machine.run(`isthmus upgrade --keep /tmp/packages/${NAMED('0.1.0')}`)
    assert.match(
      machine.run(`isthmus upgrade /tmp/packages/${NAMED('0.1.1')}`),
      /isthmus 0\.1\.1 is in force, 0\.1\.0 is kept/,
    )
    const broken = machine.attempt(`isthmus upgrade --within 6 /tmp/packages/${NAMED('0.1.2')}`)
    assert.equal(broken.status, 1)
    assert.match(broken.stderr, /isthmus 0\.1\.2 was taken back .*; 0\.1\.1 is in force/)
    assert.ok(isReady())
    assert.match(machine.run('isthmus upgrade rollback'), /isthmus 0\.1\.0 is in force/)
    await settles(() => assert.match(machine.run('cat /tmp/flow2'), /xmt/), 120_000)
    assert.match(machine.run('cat /tmp/flow2'), /xmt\/rcv\/%loss = 15000\/15000\/0%/)
  })

  it('an upgrade that is killed somewhere is ended by the next boot: one whole version, ready', async () => {
    for (const afterMs of [300, 1500, 3000].map((ms) => ms + Math.round(Math.random() * 1000))) {
      machine.run(
        `systemd-run -q --unit=cut${afterMs} isthmus upgrade /tmp/packages/${NAMED('0.1.1')}; ` +
          `sleep ${afterMs / 1000}; systemctl kill -s KILL cut${afterMs} 2>/dev/null || true`,
      )
      machine.run('systemctl start isthmus-resume')
      await settles(() => assert.ok(isReady()), 30_000)
      assert.equal(machine.run('dpkg --audit; find /var/lib/isthmus-packages -name pending'), '', `after ${afterMs} ms`)
      machine.run('isthmus upgrade rollback || true')
    }
  })

  it('a dead gateway is replaced: from its backup, and from its configuration alone; each joins again', async () => {
    machine.run('echo correct horse >/tmp/pass; isthmus backup -o /tmp/a1.backup --passphrase-file /tmp/pass')
    const versions = 'ls /var/lib/isthmus/config | sort | head -3'
    const history = machine.run(versions)
    const replacements = {
      backup: 'isthmus restore /tmp/a1.backup --passphrase-file /tmp/pass',
      configuration: 'isthmus site init --site a --server m1=192.0.2.1; cat /tmp/good.yaml >/etc/isthmus/gateway.yaml',
    }
    for (const [from, line] of Object.entries(replacements)) {
      machine.run('dpkg --purge isthmus 2>&1; rm -rf /etc/isthmus')
      assert.equal(machine.attempt('ip netns exec near ping -c 1 -W 1 10.2.0.2').status, 1)
      machine.run(`dpkg -i /tmp/packages/${NAMED('0.1.1')} 2>&1; ${line}; isthmus check; systemctl start isthmus`)
      await settles(() => assert.ok(isReady(), from), 40_000)
      await settles(() => assert.equal(machine.attempt('ip netns exec near ping -c 1 -W 1 10.2.0.2').status, 0), 40_000)
      if (from === 'backup') assert.equal(machine.run(versions), history)
    }
  })

  it('removed: no tunnel, no rule, and BIRD as Debian has it; purged: no file', () => {
    machine.run('dpkg --remove isthmus 2>&1')
    assert.equal(machine.run('nft list tables').trim(), '')
    assert.doesNotMatch(machine.run('ip -o link'), /: is-/)
    assert.deepEqual(fpingsOf(machine), [])
    assert.equal(machine.attempt('test -e /run/isthmus-prober.sock').status, 1)
    assert.match(property('bird', 'ExecStart'), /BIRD_RUN_USER/)
    machine.run('test -e /etc/isthmus/gateway.yaml -a -d /var/lib/isthmus/config')
    machine.run('test -e /etc/isthmus/tls/ca.key')
    const said = machine.run('dpkg --purge isthmus 2>&1')
    assert.match(said, /left in \/etc\/isthmus: tls/)
    machine.run('rm -r /etc/isthmus')
    const were = new Set(filesBefore.split('\n'))
    const are = machine.run(FILES).split('\n')
    assert.deepEqual(
      are.filter((file) => !were.has(file)),
      [],
    )
  })
})
