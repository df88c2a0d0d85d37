"""What a call is, once for every framework.

``loop``     what each kernel takes and gives
``formats``  one record for each format of floating-point numbers
``arrays``   arrays as they are given: their containers, coercion and axes
``ufuncs``   the native (g)ufuncs
``checks``   what is refused: numbers, labels, weights and options that do not fit
``losses``   losses by one driver: check, plan, run, reduce
``rules``    the arrays of each mode, what is kept for backward and which mode then pulls back
``codegen``  functions that are written out as text: the one writer of signatures
"""
