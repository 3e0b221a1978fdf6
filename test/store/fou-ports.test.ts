import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {FouPort} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {readFouPorts, writeFouPorts} from '../../src/store/index.ts'

describe('fou ports that were made here', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-fou-'))
  const ports: FouPort[] = [{local: '192.0.2.1' as Address, port: 5555, protocol: 4}]
  after(() => rmSync(folder, {recursive: true}))

  it('are known as long as the machine runs, and no longer', async () => {
    assert.deepEqual(await readFouPorts(folder, 'boot 1'), [])
    await writeFouPorts(folder, 'boot 1', ports)
    assert.deepEqual(await readFouPorts(folder, 'boot 1'), ports)
    assert.deepEqual(await readFouPorts(folder, 'boot 2'), [])
  })

  for (const text of ['', '{', '[]', '{"schema":1,"boot":"b"}', '{"schema":1,"boot":"b","ports":[7,{"local":"x"}]}']) {
    it(`none is ours where the file says ${JSON.stringify(text)}`, async () => {
      writeFileSync(join(folder, 'fou-ports.json'), text)
      assert.deepEqual(await readFouPorts(folder, 'b'), [])
    })
  }
})
