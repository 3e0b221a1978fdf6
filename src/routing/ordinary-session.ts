import type {BgpSession} from './bird-config.ts'

/** What a session is unless somebody says otherwise. */
export const ORDINARY = {
  local: null,
  device: null,
  reach: null,
  ttlSecurity: false,
  password: null,
  bfd: null,
  rrClient: false,
  clusterId: null,
  nextHop: null,
  role: null,
  gracefulRestart: true,
  addPaths: 'off',
  allowAsIn: 0,
  holdSeconds: null,
  igpTable: null,
  limitAction: 'block',
} as const satisfies Partial<BgpSession>
