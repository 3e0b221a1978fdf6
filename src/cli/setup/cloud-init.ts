import {stringify} from 'yaml'
import type {Setup} from './gateway-file.ts'

/** Where the answers lie on the machine that is set up. */
const ANSWERS = '/etc/isthmus/setup.yaml'

/** User data with which cloud-init sets a gateway up as `isthmus setup` does, by what its machine proposes where nothing is said. */
export function cloudInitOf({answers, sites}: Setup): string {
  const content = stringify({...answers, ...(sites.length > 0 ? {sites} : {})})
  const data = stringify({
    write_files: [{path: ANSWERS, owner: 'root:isthmus', permissions: '0640', content}],
    runcmd: [
      ['isthmus', 'setup', '--answers', ANSWERS],
      ['systemctl', 'restart', 'isthmus'],
    ],
  })
  return `#cloud-config
# Made by \`isthmus setup --cloud-init\`. Add who may log in, and the certificates that the gateway shows to etcd:
# ssh_authorized_keys: ["ssh-ed25519 …"]
${data}`
}
