# `terraform test` in this folder; there is no provider to be had.

variables {
  interconnect = {
    inner       = ["100.64.0.0/16"]
    default     = "deny"
    authorities = ["a"]
  }
  sites = {
    a = {
      number    = 1
      fabric    = "aws"
      as        = 4200000001
      owns      = ["10.1.0.0/16"]
      datastore = { endpoints = ["https://10.1.0.9:2379"] }
      gateways = {
        a1 = { number = 0, address = "10.1.0.1", public = "198.51.100.1" }
        a2 = { number = 1, address = "10.1.0.2", public = "198.51.100.2" }
      }
    }
    b = {
      number    = 2
      fabric    = "azure"
      as        = 4200000002
      owns      = ["10.2.0.0/16"]
      datastore = { endpoints = ["https://10.2.0.9:2379"] }
      gateways  = { b1 = { number = 0, address = "10.2.0.1" } }
    }
  }
}

run "wires_two_sites" {
  command = plan

  assert {
    condition     = tolist(output.sites["a"].remote_prefixes) == tolist(["10.2.0.0/16"])
    error_message = "a routes b's prefixes"
  }
  assert {
    condition     = output.sites["b"].ingress["a-a2-wireguard"].cidr == "198.51.100.2/32" && output.sites["b"].ingress["a-a2-wireguard"].to == 51823
    error_message = "b lets a's second gateway in, at as many ports as two tunnels take while both keys change"
  }
  assert {
    condition     = yamldecode(output.sites["a"].gateways["a2"].yaml).uplinks[0].inner[0] == "100.64.0.18"
    error_message = "inner addresses follow from the numbers"
  }
}

run "refuses_what_azure_drops" {
  command = plan

  variables {
    pairs = [{ between = ["a", "b"], encapsulation = "ipip" }]
  }
  expect_failures = [output.sites]
}

run "refuses_one_number_for_two_sites" {
  command = plan

  variables {
    sites = {
      for name in ["a", "b"] : name => {
        number    = 1
        fabric    = "aws"
        as        = 4200000001
        owns      = ["10.${name == "a" ? 1 : 2}.0.0/16"]
        datastore = { endpoints = ["https://10.1.0.9:2379"] }
        gateways  = { one = { number = 0, address = "10.${name == "a" ? 1 : 2}.0.1" } }
      }
    }
  }
  expect_failures = [var.sites]
}
