import assert from 'node:assert/strict'
import {existsSync, mkdirSync, readFileSync} from 'node:fs'
import {makePlace} from './script-place.ts'

/** grub-editenv, whose file is always as long as it was. */
const EDITENV = `#!/bin/sh
file=$1; what=$2; shift 2
names=$(for pair; do printf '%s|' "\${pair%%=*}"; done)
case $what in
  list) grep = "$file"; exit ;;
  unset) kept=$(grep = "$file" | grep -vE "^(\${names}#)=") ;;
  set) kept=$(grep = "$file" | grep -vE "^(\${names}#)="; printf '%s\n' "$@") ;;
esac
printf '%s\n%1000s' "$kept" '' | head -c 1000 > "$file"
`
/** isthmus.service has ended for good with this status; another: it runs. */
const systemctl = (ended: number): string => `#!/bin/sh
case "$1 $*" in
  is-failed*) [ ${ended} != 0 ] ;;
  *ExecMainStatus*) echo ${ended} ;;
  reboot*) echo "systemctl reboot" >&2 ;;
esac
`

describe('isthmus-slot', () => {
  const script = 'usr/lib/isthmus/isthmus-slot'
  /** What runs is slot a, in version 1; what the other one holds, and what stands in grub's environment. */
  const machine = (of: {environment: string; other?: string; begun?: boolean; ended?: number; isReady?: boolean}) => {
    const place = makePlace()
    place.write('bin/unshare', '#!/bin/sh\nshift\nexec "$@"\n')
    for (const name of ['mountpoint', 'sync']) place.write(`bin/${name}`, '#!/bin/sh\n')
    place.write('bin/id', '#!/bin/sh\necho 0\n')
    place.write('bin/grub-editenv', EDITENV)
    place.write('bin/systemctl', systemctl(of.ended ?? 0))
    place.write('bin/isthmus', of.isReady ? '#!/bin/sh\necho \'"ready": true\'\n' : '#!/bin/sh\nexit 1\n')
    place.write('etc/isthmus/gateway.yaml', 'site: a\n')
    place.write('proc/cmdline', 'isthmus.slot=a quiet\n')
    place.write('boot/slots/grub/grubenv', of.environment.padEnd(1000))
    place.write('boot/slots/slots/a/version', '1\n')
    if (of.other !== undefined) place.write('boot/slots/slots/b/version', `${of.other}\n`)
    if (of.begun) place.write('boot/slots/slots/.begun', '')
    mkdirSync(place.at('run'))
    return {...place, environment: () => readFileSync(place.at('boot/slots/grub/grubenv'), 'utf8').trimEnd()}
  }

  const boots: {name: string; of: Parameters<typeof machine>[0]; says: RegExp; becomes: RegExp; status?: number}[] = [
    {name: 'nothing has happened', of: {environment: 'slot=a\n'}, says: /^$/, becomes: /^slot=a$/},
    {
      name: 'an upgrade was cut off before it was whole',
      of: {environment: 'slot=a\n', begun: true},
      says: /cut off: slot b holds nothing that boots, and this is slot a as before; install the upgrade again/,
      becomes: /^slot=a$/,
    },
    {
      name: 'an upgrade was cut off before anything was written',
      of: {environment: 'slot=a\n', other: '0.9', begun: true},
      says: /cut off: slot b holds 0\.9, and this is slot a as before/,
      becomes: /^slot=a$/,
    },
    {
      name: 'the trial has begun before its mark was taken away',
      of: {environment: 'slot=b\ntry=a\ntries=2\n', other: '0.9', begun: true, isReady: true},
      says: /^isthmus-slot: slot a is healthy, and boots from now on\n$/,
      becomes: /^slot=a$/,
    },
    {
      name: 'the other one failed its trial',
      of: {environment: 'slot=a\nfailed=b\n', other: '2'},
      says: /slot b failed its trial; this is slot a again/,
      becomes: /^slot=a\nfailed=b$/,
    },
    {
      name: 'this one is of a version that refuses the configuration: back at once',
      of: {environment: 'slot=b\ntry=a\ntries=2\n', other: '2', ended: 78},
      says: /slot a is not healthy: this version refuses gateway\.yaml; going back to slot b\n.*reboot/,
      becomes: /^slot=b\nfailed=a$/,
      status: 1,
    },
  ]
  for (const {name, of, says, becomes, status = 0} of boots) {
    it(`at a boot: ${name}`, () => {
      const place = machine(of)
      const ran = place.run(script, 'healthy')
      assert.match(ran.stderr, says)
      assert.equal(ran.status, status)
      assert.match(place.environment(), becomes)
      assert.ok(!existsSync(place.at('boot/slots/slots/.begun')))
      place.remove()
    })
  }

  it('is not kept where somebody goes back in the moment that it is healthy', () => {
    const place = machine({environment: 'slot=b\ntry=a\ntries=2\n', other: '2'})
    const environment = place.at('boot/slots/grub/grubenv')
    const back = `grub-editenv ${environment} unset try tries`
    place.write('bin/isthmus', `#!/bin/sh\n${back}\necho '"ready": true'\n`)
    assert.deepEqual(place.run(script, 'healthy'), {status: 0, stderr: ''})
    assert.equal(place.environment(), 'slot=b')
    place.remove()
  })

  it('does not overwrite what a slot on trial goes back to', () => {
    const place = machine({environment: 'slot=b\ntry=a\ntries=2\n', other: '2'})
    place.write('upgrade', '')
    const {status, stderr} = place.run(script, 'install', place.at('upgrade'))
    assert.equal(status, 1)
    assert.match(stderr, /slot a is on trial, and goes back to slot b if it fails/)
    assert.equal(readFileSync(place.at('boot/slots/slots/b/version'), 'utf8'), '2\n')
    place.remove()
  })

  it('says whether this slot is on trial', () => {
    for (const [environment, status] of [
      ['slot=b\ntry=a\ntries=2\n', 0],
      ['slot=a\n', 1],
      ['slot=a\ntry=b\ntries=3\n', 1],
    ] as const) {
      const place = machine({environment})
      assert.equal(place.run(script, 'on-trial').status, status, environment)
      place.remove()
    }
  })

  it('leaves an install that is refused as if it had not begun', () => {
    const place = machine({environment: 'slot=a\n', other: '2'})
    place.write('upgrade', 'nothing')
    assert.match(place.run(script, 'install', place.at('upgrade')).stderr, /no upgrade of an appliance/)
    assert.ok(!existsSync(place.at('boot/slots/slots/.begun')))
    place.remove()
  })
})
