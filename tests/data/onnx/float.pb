B	called soJÀ­x?`ìƒvW¡|G*IíÂú
gÎ