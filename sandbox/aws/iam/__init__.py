"""What IAM roles may do, by the policies that moto keeps."""
