// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Terraform's.
/** One change of a module each, and the breach that must be found then. */
export const MUTATIONS: readonly {
  readonly module: string
  readonly from: string
  readonly to: string
  readonly found: RegExp
}[] = [
  // The providers' schemas.
  {
    module: 'aws',
    from: 'source_dest_check =',
    to: 'source_destination_check =',
    found: /no argument source_destination_check/,
  },
  {module: 'aws', from: '  subnet_id       = each.value.subnet_id\n', to: '', found: /subnet_id is required/},
  {module: 'aws', from: 'resource "aws_eip" ', to: 'resource "aws_elastic_ip" ', found: /no type aws_elastic_ip/},
  {module: 'aws', from: 'http_tokens  ', to: 'http_token   ', found: /metadata_options: no argument http_token/},
  {module: 'aws', from: '  metadata_options {', to: '  metadata_options = {', found: /metadata_options is a block/},
  {module: 'aws', from: '[ami, user_data]', to: '[image, user_data]', found: /ignore_changes names image/},
  {module: 'aws', from: 'device_name = "/dev/xvda"\n', to: '\n', found: /ebs_block_device: device_name is required/},
  {
    module: 'aws',
    from: '  domain   = "vpc"\n',
    to: '  domain = "vpc"\n  public_ip = "192.0.2.1"\n',
    found: /public_ip is told/,
  },
  {module: 'gcp', from: '  replication {', to: '  replicas {', found: /block replication is required/},
  {
    module: 'gcp',
    from: 'content {\n      group ',
    to: 'content {\n      groups ',
    found: /backend: no argument groups/,
  },
  {module: 'azure', from: 'probe_id  ', to: 'probes_id ', found: /no argument probes_id/},
  {
    module: 'azure',
    from: '  os_disk {\n    caching',
    to: '  os_disk {\n    cache',
    found: /os_disk: no argument cache/,
  },
  {module: 'exoscale', from: 'ssh_keys       ', to: 'ssh_key_names  ', found: /no argument ssh_key_names/},
  // Names.
  {module: 'aws', from: 'var.key_name', to: 'var.key_pair', found: /no variable key_pair/},
  {module: 'aws', from: 'local.image_id', to: 'local.image', found: /no local image/},
  {
    module: 'aws',
    from: 'aws_security_group.gateway.id]',
    to: 'aws_security_group.gateways.id]',
    found: /no aws_security_group\.gateways/,
  },
  {
    module: 'aws',
    from: 'aws_secretsmanager_secret.site.arn',
    to: 'aws_secretsmanager_secret.site.urn',
    found: /has no attribute urn/,
  },
  {
    module: 'aws',
    from: 'data.aws_region.current.region',
    to: 'data.aws_region.current.zone',
    found: /has no attribute zone/,
  },
  {module: 'aws', from: 'each.value.subnet_id', to: 'each.value.subnet', found: /has no subnet/},
  {module: 'aws', from: 'var.appliance.bucket', to: 'var.appliance.buckets', found: /var\.appliance has no buckets/},
  {module: 'aws', from: '].user_data', to: '].userdata', found: /module bootstrap has no output userdata/},
  {
    module: 'aws',
    from: 'gateway_yaml = local',
    to: 'gateway_file = var',
    found: /no variable gateway_file|gateway_yaml is required/,
  },
  {
    module: 'aws',
    from: 'file("${path.module}/take-routes.sh")',
    to: 'file("${path.module}/moves.sh")',
    found: /no file moves\.sh/,
  },
  {module: 'aws', from: '    secret = aws_sec', to: '    name = aws_sec', found: /wants secret/},
  {module: 'exoscale', from: 'priority = each', to: 'prio = each', found: /keepalived\.conf\.tftpl wants priority/},
  {
    module: 'aws-gcp',
    from: 'vpc_id          = var.aws.vpc_id',
    to: 'vpc_id = var.aws.vpc',
    found: /var\.aws has no vpc/,
  },
  {
    module: 'aws-gcp',
    from: '  route_tables    = var.aws.route_tables\n',
    to: '',
    found: /module\.aws: route_tables is required/,
  },
  {
    module: 'aws-gcp',
    from: 'address   = gateway.address',
    to: 'address = module.interconnect.sites["aws"].gateways[name].yaml',
    found: /module\.aws\/var\.gateways.*→/,
  },
  // The policy.
  {
    module: 'aws',
    from: 'cidr = prefix, protocol = "tcp", from = 22',
    to: 'cidr = "0.0.0.0/0", protocol = "tcp", from = 22',
    found: /open to anybody/,
  },
  {
    module: 'azure',
    from: 'source_address_prefix       = each.value.cidr',
    to: 'source_address_prefix = "*"',
    found: /source_address_prefix is anybody/,
  },
  {module: 'gcp', from: '[each.value.cidr]', to: '["0.0.0.0/0"]', found: /source_ranges is anybody/},
  {
    module: 'exoscale',
    from: 'protocol = "tcp", from = 179, to = 179',
    to: 'protocol = "4", from = null, to = null',
    found: /protocol 4 beside/,
  },
  {
    module: 'gcp',
    from: '"bgp-${prefix}" => { cidr = prefix, protocol = "tcp"',
    to: '"bgp-${prefix}" => { cidr = prefix, protocol = "all"',
    found: /all protocols for others/,
  },
  {module: 'aws', from: '= "required"', to: '= "optional"', found: /http_tokens must be required/},
  {
    module: 'aws',
    from: '    encrypted   = true\n    kms_key_id  = var.kms_key_id\n    volume_size',
    to: '    volume_size',
    found: /root_block_device\.encrypted must be true/,
  },
  {
    module: 'azure',
    from: 'ip_forwarding_enabled          = true',
    to: 'ip_forwarding_enabled = false',
    found: /ip_forwarding_enabled must be true/,
  },
  {
    module: 'gcp',
    from: 'can_ip_forward            = true',
    to: 'can_ip_forward = false',
    found: /can_ip_forward must be true/,
  },
  {module: 'aws', from: '"ec2:ReplaceRoute"', to: '"ec2:*"', found: /action ec2:\*/},
  {
    module: 'aws',
    from: '[for table in values(var.route_tables) : "${local.ec2}',
    to: '[for table in ["*"] : "${local.ec2}',
    found: /other tables than its own/,
  },
  {module: 'azure', from: 'Key Vault Secrets User', to: 'Key Vault Administrator', found: /more than gateways need/},
  {
    module: 'azure',
    from: 'disable_password_authentication = true',
    to: 'admin_password = "x"',
    found: /admin_password is a secret/,
  },
  {
    module: 'gcp',
    from: '  labels    = local.labels\n\n  replication',
    to: '\n  replication',
    found: /labels do not say/,
  },
  {
    module: 'exoscale-two-zones',
    from: 'geneva = module.geneva.public_addresses',
    to: 'geneva = module.geneva[each.key].public_addresses',
    found: /module\.geneva\/all.*→/,
  },
]
