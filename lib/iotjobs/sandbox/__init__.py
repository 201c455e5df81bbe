"""The embedded service: a real IoT Jobs API on loopback, with a fleet of real ages to practise on."""
