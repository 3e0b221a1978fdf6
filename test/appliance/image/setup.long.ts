import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {parse, stringify} from 'yaml'
import {type Appliance, type Bench, createBench} from './appliance-vm.ts'
import {IMAGE, ROOT} from './built-image.ts'
import {ETCD} from './joined-sites.ts'

/**
 * An appliance that is set up as an operator does: by the user data that `isthmus setup --cloud-init` prints, with a key for `admin` and the
 * certificates of an etcd of its own. All that is asked of it is asked by `admin`, who may sudo.
 */
const BOOT_S = 900
/** What QEMU's DHCP gives to eth0. */
const ADDRESS = '10.0.2.15'

function cli(...words: string[]): string {
  return execFileSync(process.execPath, [path.join(ROOT, 'dist/isthmus.mjs'), ...words], {encoding: 'utf8'})
}

/** The place that the printed text has for it. */
function withKey(printed: string, publicKey: string): string {
  const told = /^# ssh_authorized_keys: \["ssh-ed25519 …"\]$/m
  assert.match(printed, told)
  return printed.replace(told, `ssh_authorized_keys: ["${publicKey}"]`)
}

interface UserData {
  readonly write_files: readonly object[]
}

/** With certificates, and an etcd that has them: it starts by itself. */
function withEtcd(userData: string, folder: string): string {
  const {write_files, ...rest} = parse(userData) as UserData
  const file = (name: string, to: string, group: string): object => {
    const content = readFileSync(path.join(folder, name), 'utf8')
    return {path: path.join(to, name), owner: `root:${group}`, permissions: '0640', content}
  }
  const files = [
    ...['ca.pem', 'gateway.pem', 'gateway.key'].map((name) => file(name, '/etc/isthmus/tls', 'isthmus')),
    ...['ca.pem', 'etcd-m1.pem', 'etcd-m1.key'].map((name) => file(name, '/etc/etcd', 'etcd')),
    {path: '/etc/default/etcd', permissions: '0644', content: ETCD(ADDRESS)},
  ]
  return `#cloud-config\n${stringify({...rest, write_files: [...write_files, ...files]})}`
}

describe('an appliance that is set up by what `isthmus setup --cloud-init` prints', function () {
  this.timeout(3_600_000)
  let bench: Bench

  before(async () => {
    assert.ok(existsSync(IMAGE), 'npm run image makes it')
    bench = await createBench(IMAGE)
  })
  after(() => bench?.close())

  describe('with answers that hold', () => {
    let gateway: Appliance
    const sudo = (command: string): Promise<string> => gateway.ask(`sudo -n sh -c '${command}'`)

    before(() => {
      const tls = path.join(bench.folder, 'tls')
      cli('site', 'init', '--site', 'a', '--folder', tls, '--server', `m1=${ADDRESS},127.0.0.1`)
      const printed = cli('setup', '--cloud-init', '--site', 'a', '--owns', '10.1.0.0/16')
      const userData = (publicKey: string): string => withEtcd(withKey(printed, publicKey), tls)
      gateway = bench.appliance({name: 'gw-set', sshPort: 2226, user: 'admin', userData})
      gateway.power()
    })

    it('admin is let in by the key, root is not, and admin may sudo without a password', async () => {
      await gateway.answers(BOOT_S)
      assert.equal(await gateway.ask('id -un'), 'admin')
      assert.equal(await gateway.ask('sudo -n id -un'), 'root')
      assert.match(await gateway.ask('id -Gn'), /\bisthmus\b/)
      // cloud-init says to root whom to be instead.
      assert.notEqual((await gateway.ssh('true', 'root')).status, 0)
      assert.match(await gateway.ask('sudo -n passwd --status admin'), /^admin L /)
    })

    it('the gateway is made, is its own, runs, and is ready', async () => {
      await gateway.says(/cloud-init[^\n]* finished at/, BOOT_S)
      const end = Date.now() + BOOT_S * 1000
      const isReady = async (): Promise<boolean> =>
        /"ready": *true/.test((await gateway.ssh('isthmus status -o json')).output)
      while (!(await isReady())) {
        if (Date.now() > end)
          assert.fail(
            (await gateway.ssh('sudo cat /var/log/cloud-init-output.log; isthmus status; isthmus diagnose')).output,
          )
        await new Promise((go) => setTimeout(go, 3000))
      }
      const {site, uplinks, owns} = parse(await sudo('cat /etc/isthmus/gateway.yaml'))
      assert.deepEqual([site, uplinks[0].address, owns], ['a', ADDRESS, ['10.1.0.0/16']])
      // As the package's own.
      assert.equal(await sudo('stat -c "%U:%G %a" /etc/isthmus/gateway.yaml'), 'root:isthmus 640')
      assert.equal(await sudo('systemctl is-active isthmus bird etcd'), 'active\nactive\nactive')
    })

    it('what the console greets with is gone', async () => {
      assert.doesNotMatch(await sudo('cat /etc/issue.d/* /run/motd.d/* 2>/dev/null; true'), /not configured/)
    })
  })

  describe('with an answer that is wrong', () => {
    let gateway: Appliance
    before(() => {
      const printed = cli('setup', '--cloud-init', '--site', 'a', '--owns', '10.1.0.0/16')
      const wrong = printed.replace('owns: 10.1.0.0/16', 'owns: 10.1.0.0/33')
      assert.notEqual(wrong, printed)
      const userData = (publicKey: string): string => withKey(wrong, publicKey)
      gateway = bench.appliance({name: 'gw-wrong', sshPort: 2227, user: 'admin', userData})
      gateway.power()
    })

    it('the console and the log of cloud-init name the answer, and nothing is written', async () => {
      await gateway.says(/cloud-init[^\n]*owns[^\n]*10\.1\.0\.0\/33/, BOOT_S)
      await gateway.says(/cloud-init[^\n]* finished at/, BOOT_S)
      await gateway.answers(BOOT_S)
      assert.match(await gateway.ask('sudo -n cat /var/log/cloud-init-output.log'), /10\.1\.0\.0\/33/)
      assert.equal((await gateway.ssh('grep -q "^[a-z]" /etc/isthmus/gateway.yaml')).status, 1)
      assert.match(await gateway.ask('sudo -n nft list table inet isthmus_base'), /policy drop/)
    })
  })
})
