import assert from 'node:assert/strict'
import {createSysctlDriver} from '../../../src/apply/sysctl/index.ts'
import {type SysctlSpec, type SysctlStep, stepKey, sysctlKey} from '../../../src/model/index.ts'
import {describeDriver} from '../../contract/driver.ts'
import {inNamespace, shell} from '../../support/namespace.ts'

const step = (path: string, value: string): SysctlStep => {
  const spec = {path: path.split('/'), value}
  return {key: stepKey(`sysctl ${sysctlKey(spec)}`), needs: [], reason: 'test', driver: 'sysctl', spec}
}
const ON = [step('net/ipv4/ip_forward', '1'), step('net/ipv4/conf/all/send_redirects', '0')]

inNamespace(import.meta.url, () => {
  const {signal} = new AbortController()
  const wanted: SysctlSpec[] = ON.map(({spec}) => spec)
  const open = () => createSysctlDriver(() => wanted)
  const device = step('net/ipv4/conf/is-v/rp_filter', '2')

  describeDriver('sysctl', () => ({
    open,
    make: ON,
    unmake: [],
    foreign: {
      create: () => shell('echo 2 > /proc/sys/net/ipv4/conf/lo/rp_filter'),
      show: () => shell('cat /proc/sys/net/ipv4/conf/lo/rp_filter'),
    },
    refused: {
      step: device,
      provoke: () => shell('ip link delete is-v 2>/dev/null || true'),
      mend: () => shell('ip link add is-v type vxlan id 1 dstport 4789'),
    },
    view: (values) => [...values],
  }))

  describe('sysctl driver', () => {
    it('writes what is wanted and leaves out of its answer what does not exist', async () => {
      wanted.push({path: ['net', 'ipv4', 'conf', 'is-none', 'rp_filter'], value: '0'})
      const driver = open()
      await driver.apply(ON, signal)
      assert.deepEqual(Object.fromEntries(await driver.read(signal)), {
        'net/ipv4/ip_forward': '1',
        'net/ipv4/conf/all/send_redirects': '0',
      })
      assert.equal(shell('cat /proc/sys/net/ipv4/ip_forward').trim(), '1')
      wanted.pop()
    })

    it('says missing for a path that is not there, and refused for a value that the kernel does not take', async () => {
      const outcomes = await open().apply(
        [step('net/ipv4/conf/is-none/rp_filter', '0'), step('net/ipv4/fib_multipath_hash_policy', '99')],
        signal,
      )
      assert.deepEqual(
        outcomes.map((outcome) => outcome.ok || outcome.code),
        ['missing', 'refused'],
      )
    })

    it('raises a size, and leaves one alone that is larger', async () => {
      const at = (): string => shell('cat /proc/sys/net/ipv4/ip_default_ttl').trim()
      const size = step('net/ipv4/ip_default_ttl', '70')
      const least: SysctlStep = {...size, spec: {...size.spec, isLeast: true}}
      await open().apply([least], signal)
      assert.equal(at(), '70')
      shell('echo 100 > /proc/sys/net/ipv4/ip_default_ttl')
      await open().apply([least], signal)
      assert.equal(at(), '100')
    })

    it('does not speak of sizes that only the first network namespace may set', async () => {
      shell('nft "add table inet t; add chain inet t c; add rule inet t c ct state new"')
      const {spec} = step('net/netfilter/nf_conntrack_max', '1')
      assert.deepEqual([...(await createSysctlDriver(() => [spec]).read(signal)).keys()], [sysctlKey(spec)])
      assert.equal((await createSysctlDriver(() => [{...spec, isLeast: true}]).read(signal)).size, 0)
    })

    it('takes a device name with a dot as one part of the path', async () => {
      shell('ip link add is-a.1 type vxlan id 77 dstport 5003')
      const [outcome] = await open().apply([step('net/ipv4/conf/is-a.1/rp_filter', '2')], signal)
      assert.deepEqual(outcome, {ok: true, step: 'sysctl net/ipv4/conf/is-a.1/rp_filter'})
      assert.equal(shell('cat /proc/sys/net/ipv4/conf/is-a.1/rp_filter').trim(), '2')
    })
  })
})
