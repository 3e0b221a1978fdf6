import assert from 'node:assert/strict'
import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {cli} from '../support/run-cli.ts'

describe('isthmus watch-routes that cannot begin', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-cli-'))
  })
  afterEach(() => rm(folder, {recursive: true}))

  async function begin(more: string): Promise<{status: number; err: string}> {
    const file = path.join(folder, 'gateway.yaml')
    await writeFile(file, gatewayYaml(['http://127.0.0.1:1']) + more)
    const {status, err} = await cli(['watch-routes', '--config', file])
    return {status, err: err.replaceAll(folder, 'DIR')}
  }
  const tableOf = (listen: string): string =>
    `twin: a2\nrouteTable: {command: [${folder}/take], listen: "${listen}", twin: "192.0.2.2:9634"}\n`
  const program = async (mode: number): Promise<void> => {
    await writeFile(path.join(folder, 'take'), '#!/bin/sh\n')
    await chmod(path.join(folder, 'take'), mode)
  }

  it('names no table', async () => {
    assert.deepEqual(await begin(''), {status: 2, err: 'DIR/gateway.yaml names no `routeTable`\n'})
  })

  it('is not valid', async () => {
    assert.deepEqual(await begin('twin: a1\n'), {
      status: 2,
      err: 'DIR/gateway.yaml is not valid: `isthmus check` says why\n',
    })
  })

  it('its program is not there, is not to be executed, or can be written by everybody', async () => {
    const said = async (): Promise<string> => {
      const {status, err} = await begin(tableOf('127.0.0.1:9634'))
      assert.equal(status, 2)
      return err
    }
    assert.match(await said(), /^DIR\/gateway.yaml: routeTable\.command\[0\]: DIR\/take cannot be executed: ENOENT/)
    await program(0o644)
    assert.match(await said(), /cannot be executed: EACCES/)
    await program(0o757)
    assert.match(await said(), /DIR\/take can be written by everybody/)
  })

  it('cannot listen', async () => {
    await program(0o755)
    const {status, err} = await begin(tableOf('192.0.2.77:9634'))
    assert.equal(status, 1)
    assert.match(err, /^routeTable\.listen: listen EADDRNOTAVAIL/)
  })
})
