"""Models of torch: modules, files, torchvision and timm."""
