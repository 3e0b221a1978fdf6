import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {daemon} from '../processes.ts'

/** The wire between two gateways. */
export interface StateLink {
  readonly device: string
  readonly own: string
  readonly other: string
}

/** docs/operate/twins.md has the same for operators, with the reasons. */
export const conntrackdConf = (folder: string, {device, own, other}: StateLink): string => `Sync {
  Mode FTFW {
    DisableExternalCache On
    StartupResync On
  }
  UDP {
    IPv4_address ${own}
    IPv4_Destination_Address ${other}
    Port 3780
    Interface ${device}
    Checksum On
  }
  Options {
    TCPWindowTracking Off
  }
}
General {
  Systemd Off
  HashSize 8192
  HashLimit 65536
  LogFile ${folder}/conntrackd.log
  Syslog Off
  LockFile ${folder}/conntrackd.lock
  UNIX {
    Path ${folder}/conntrackd.socket
  }
  Filter From Userspace {
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv4_address ${own}
      IPv4_address ${other}
    }
  }
}
`

/** Gives the states of a gateway's flows to its twin. */
export function startConntrackd(namespace: string, link: StateLink, dir: string): void {
  const file = join(dir, 'conntrackd.conf')
  writeFileSync(file, conntrackdConf(dir, link))
  daemon(namespace, ['conntrackd', '-C', file], join(dir, 'conntrackd.out'))
}
