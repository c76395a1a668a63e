module example.org/source

go 1.26
