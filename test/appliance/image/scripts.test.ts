import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import path from 'node:path'

import {DAEMON_ENV, DAEMON_FLAGS} from '../../../src/cli/daemon-flags.ts'
import {FILES, makePlace, SOURCES} from './script-place.ts'

describe('scripts of the image', () => {
  const scripts = readdirSync(SOURCES, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file, 'utf8').startsWith('#!/bin/sh'))

  it('are shell that a shell can read', () => {
    assert.ok(scripts.length >= 6, `${scripts.length} found`)
    for (const script of scripts) {
      const {status, stderr} = spawnSync('sh', ['-n', script], {encoding: 'utf8'})
      assert.equal(status, 0, `${script}: ${stderr}`)
    }
  })

  it('start the daemon as `isthmus run` does', () => {
    const unit = readFileSync(path.join(FILES, 'usr/lib/systemd/system/isthmus.service.d/60-appliance.conf'), 'utf8')
    const words = ['/usr/lib/isthmus/node', ...DAEMON_FLAGS, '/usr/lib/isthmus/isthmusd.mjs', 'run', '--config']
    assert.ok(unit.includes(`\nExecStart=${[...words, '/etc/isthmus/gateway.yaml'].join(' ')}\n`))
    for (const [name, value] of Object.entries(DAEMON_ENV))
      assert.match(unit, new RegExp(`^Environment=.*\\b${name}=${value}\\b`, 'm'))
  })

  describe('what is booted first', () => {
    const init = readFileSync(path.join(SOURCES, 'initrd/init'), 'utf8')
    it('calls nothing that the initramfs has not', () => {
      const kernel = readFileSync(path.resolve(SOURCES, '../../scripts/image-kernel.mjs'), 'utf8')
      const applets = /const APPLETS = '(.*)'/.exec(kernel)![1]!.split(' ')
      const called = [
        'chmod',
        'cp',
        'find',
        'grep',
        'head',
        'mkdir',
        'modprobe',
        'mount',
        'reboot',
        'sed',
        'sleep',
        'sort',
      ]
      for (const name of [...called, 'switch_root', 'sync']) {
        assert.match(init, new RegExp(`\\b${name}\\b`), name)
        assert.ok(applets.includes(name), name)
      }
    })
  })

  describe('at a boot, cloud-init', () => {
    const generator = 'etc/systemd/system-generators/cloud-init-generator'
    it('runs beside the gateway once it has finished before', () => {
      const place = makePlace()
      place.write('var/lib/cloud/instance/boot-finished', '')
      for (const folder of ['normal', 'early', 'late']) mkdirSync(place.at(folder))
      assert.equal(place.run(generator, ...['normal', 'early', 'late'].map(place.at)).status, 0)
      for (const unit of ['cloud-init-local', 'cloud-init', 'cloud-config', 'cloud-final'])
        assert.equal(readlinkSync(place.at(`early/${unit}.service`)), '/dev/null')
      assert.deepEqual(readdirSync(place.at('early/multi-user.target.wants')), ['isthmus-cloud-init.service'])
      place.remove()
    })
  })

  describe('a gateway that has ended for good', () => {
    const script = 'usr/lib/isthmus/config-refused'
    /** `isthmus check` here: what has "wrong" in it is refused. */
    const CHECK = '#!/bin/sh\nif grep -n wrong "$2"; then exit 1; fi\n'
    /** The gateway's user is whoever we are. */
    const HERE = '#!/bin/sh\nwhile [ "$1" != sh ]; do shift; done\nexec "$@"\n'
    const cases: {
      name: string
      now: string
      before: string[]
      says: RegExp
      becomes: string
      starts: boolean
      isOnTrial?: boolean
    }[] = [
      {
        name: 'with nothing configured',
        now: '# only words\n',
        before: [],
        says: /no gateway is configured yet/,
        becomes: '# only words\n',
        starts: false,
      },
      {
        name: 'refused, nothing before',
        now: 'site: wrong\n',
        before: [],
        says: /is refused:\n1:site: wrong\n.*none from before/,
        becomes: 'site: wrong\n',
        starts: false,
      },
      {
        name: 'refused, with one from before',
        now: 'site: wrong\n',
        before: ['site: a\n'],
        says: /before is in force again/,
        becomes: 'site: a\n',
        starts: true,
      },
      {
        name: 'the latest that is taken',
        now: 'site: wrong\n',
        before: ['site: a\n', 'site: b\n', 'wrong: 1\n', 'site: wrong\n'],
        says: /in force again/,
        becomes: 'site: b\n',
        starts: true,
      },
      {
        name: 'refused by a slot on trial, whose version may know less',
        now: 'site: wrong\n',
        before: ['site: a\n'],
        says: /this slot is on trial: \/etc\/isthmus\/gateway\.yaml stays as it is/,
        becomes: 'site: wrong\n',
        starts: false,
        isOnTrial: true,
      },
      {
        name: 'mended meanwhile',
        now: 'site: a\n',
        before: ['site: b\n'],
        says: /^$/,
        becomes: 'site: a\n',
        starts: true,
      },
    ]
    for (const {name, now, before, says, becomes, starts, isOnTrial} of cases) {
      it(name, () => {
        const place = makePlace()
        place.write('bin/isthmus', CHECK)
        place.write('bin/isthmus-slot', `#!/bin/sh\nexit ${isOnTrial ? 0 : 1}\n`)
        place.write('bin/systemctl', `#!/bin/sh\necho "$@" >> ${place.at('asked')}\n`)
        place.write('bin/setpriv', HERE)
        place.write('etc/isthmus/gateway.yaml', now)
        mkdirSync(place.at('run'))
        before.forEach((text, index) => {
          place.write(`var/lib/isthmus/config/00000${index + 1}.yaml`, text)
        })
        const {status, stderr} = place.run(script)
        assert.equal(status, 0, stderr)
        assert.match(stderr, says)
        assert.equal(readFileSync(place.at('etc/isthmus/gateway.yaml'), 'utf8'), becomes)
        const asked = existsSync(place.at('asked')) ? readFileSync(place.at('asked'), 'utf8') : ''
        assert.equal(/^start .*isthmus$/m.test(asked), starts)
        if (becomes !== now) assert.equal(readFileSync(place.at('etc/isthmus/gateway.yaml.refused'), 'utf8'), now)
        place.remove()
      })
    }

    for (const link of ['gateway.yaml', 'gateway.yaml.refused']) {
      it(`writes nothing through a link that the gateway's user has made of ${link}`, function () {
        if (process.getuid?.() !== 0) this.skip()
        const place = makePlace()
        place.write('bin/isthmus', CHECK)
        place.write('bin/systemctl', '#!/bin/sh\n')
        place.write('bin/isthmus-slot', '#!/bin/sh\nexit 1\n')
        place.write(
          'bin/setpriv',
          '#!/bin/sh\nshift 3\nexec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups "$@"\n',
        )
        place.write('etc/isthmus/gateway.yaml', 'site: wrong\n')
        place.write('root/secret', 'site: wrong, as root has it\n')
        place.write('var/lib/isthmus/config/000001.yaml', 'site: a\n')
        mkdirSync(place.at('run'))
        chmodSync(place.at('.'), 0o755)
        rmSync(place.at(`etc/isthmus/${link}`), {force: true})
        symlinkSync(place.at('root/secret'), place.at(`etc/isthmus/${link}`))
        chownSync(place.at('etc/isthmus'), 65534, 65534)
        const {status, stderr} = place.run(script)
        assert.equal(status, 0, stderr)
        assert.equal(readFileSync(place.at('root/secret'), 'utf8'), 'site: wrong, as root has it\n')
        assert.match(stderr, link === 'gateway.yaml' ? /000001\.yaml cannot be put back/ : /before is in force again/)
        place.remove()
      })
    }

    it('is put back once a boot', () => {
      const place = makePlace()
      place.write('bin/isthmus', CHECK)
      place.write('etc/isthmus/gateway.yaml', 'site: wrong\n')
      place.write('var/lib/isthmus/config/000001.yaml', 'site: a\n')
      place.write('run/isthmus-config-put-back', '')
      place.run(script)
      assert.equal(readFileSync(place.at('etc/isthmus/gateway.yaml'), 'utf8'), 'site: wrong\n')
      place.remove()
    })
  })
})
