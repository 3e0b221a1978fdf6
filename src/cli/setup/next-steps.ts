import {access} from 'node:fs/promises'
import {credentialFiles, type GatewayConfig} from '../../model/index.ts'
import {DEFAULT_FOLDER} from '../site-folder.ts'

/** What is still to be done before the gateway can start, as lines to type. */
export async function nextSteps(config: GatewayConfig): Promise<string[]> {
  const {site, gateway, datastores, uplinks, sites} = config
  const lines: string[] = []
  const isMissing = async (named: Parameters<typeof credentialFiles>[0]): Promise<boolean> => {
    const there = await Promise.all(
      credentialFiles(named).map((file) =>
        access(file).then(
          () => true,
          () => false,
        ),
      ),
    )
    return there.includes(false)
  }
  for (const datastore of datastores) {
    if (!(await isMissing(datastore))) continue
    const [uplink] = uplinks
    const hosts = [uplink!.address, ...(uplink!.public === null ? [] : [uplink!.public])].join(',')
    const isHere = datastore.endpoints.some(
      (endpoint) => new URL(endpoint).hostname.replace(/[[\]]/g, '') === uplink!.address,
    )
    lines.push(
      isHere
        ? `isthmus site init --server ${gateway}=${hosts}    # certificates; start etcd with those in ${DEFAULT_FOLDER}`
        : `isthmus site init    # certificates, or bring those that gateway.yaml names to ${DEFAULT_FOLDER}`,
      `isthmus site init --endpoints ${datastore.endpoints.join(',')}    # users, once etcd runs with them`,
    )
  }
  for (const remote of sites.values()) {
    if (!(await isMissing(remote))) continue
    lines.push(
      `isthmus site join ${remote.name} --from ${remote.name}-for-${site}    # the bundle that ${remote.name} made for us`,
    )
  }
  return ['next:', ...[...lines, 'systemctl restart isthmus && isthmus status'].map((line) => `  ${line}`)]
}
