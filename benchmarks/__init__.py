"""What the operator costs against the least that the same work can cost, measured in one run."""
