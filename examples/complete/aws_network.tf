# The AWS half, 2 of 3: where the replication instance lives. With var.subnet_ids nothing is made here.

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  own_network = var.subnet_ids == null
  subnet_ids  = coalesce(var.subnet_ids, aws_subnet.dms[*].id)
}

resource "aws_vpc" "dms" {
  count                = local.own_network ? 1 : 0
  cidr_block           = "10.42.0.0/24"
  enable_dns_hostnames = true
  tags                 = { Name = "${var.name}-dms" }
}

# Two zones, or DMS refuses the subnet group.
resource "aws_subnet" "dms" {
  count             = local.own_network ? 2 : 0
  vpc_id            = aws_vpc.dms[0].id
  cidr_block        = cidrsubnet(aws_vpc.dms[0].cidr_block, 2, count.index)
  availability_zone = data.aws_availability_zones.available.names[count.index]
  tags              = { Name = "${var.name}-dms-${count.index}" }
}

# The way to S3 without the internet.
resource "aws_vpc_endpoint" "s3" {
  count           = local.own_network ? 1 : 0
  vpc_id          = aws_vpc.dms[0].id
  service_name    = "com.amazonaws.${local.region}.s3"
  route_table_ids = [aws_vpc.dms[0].main_route_table_id]
  tags            = { Name = "${var.name}-s3" }
}
