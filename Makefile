include firmware/rules.mk
