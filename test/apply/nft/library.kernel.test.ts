import assert from 'node:assert/strict'
import {createLibraryRunner} from '../../../src/apply/nft/library.ts'
import {inNamespace} from '../../support/namespace.ts'

const ELEMENTS = 100_000
const residentMib = (): number => process.memoryUsage.rss() / 2 ** 20

inNamespace(import.meta.url, () => {
  describe('libnftables in process', function () {
    this.timeout(30_000)
    const runner = createLibraryRunner()!
    after(() => runner.close())

    it('gives back what a large script took, and goes on', async () => {
      const table = 'table inet large { map class4 { type ipv4_addr : mark; }; }'
      assert.equal(await runner.run(table), null)
      const before = residentMib()
      const elements = Array.from(
        {length: ELEMENTS},
        (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255} : ${index}`,
      )
      assert.equal(await runner.run(`add element inet large class4 { ${elements.join(', ')} }`), null)
      const grown = residentMib() - before
      assert.ok(grown < 50, `${grown.toFixed(0)} MiB`)
      assert.equal(await runner.run('add element inet large class4 { 10.200.0.1 : 7 }'), null)
      assert.match(
        (await runner.list('get element inet large class4 { 10.200.0.1 }', 'text')) ?? '',
        /10\.200\.0\.1 : 0x0*7/,
      )
    })
  })
})
