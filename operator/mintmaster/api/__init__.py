"""The custom resources of Mintmaster as typed models, from which `crds/` is generated."""
